"""Reading TOML into a Config, and saying plainly what is wrong with it."""

import json
import tomllib
from datetime import date, time
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from hcfres.config.base import Config
from hcfres.config.problems import nearest, shorten, tell

C = TypeVar("C", bound=Config)

LARGEST_FILE = 1 << 20
"""Bytes; the longest configuration in use has a few thousand."""


class ConfigError(ValueError):
    """A configuration that does not describe what it claims to describe."""


def load(path: Path, kind: type[C]) -> C:
    """Read the TOML file `path` as a `kind`.

    Raises:
        ConfigError: the file is missing, is no TOML, or is no `kind`; all problems at once.
    """
    return parse(read_toml(path), kind, source=str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """Read the tables of a TOML file, or raise a ConfigError that says where it breaks."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ConfigError(f"{path} has more than {LARGEST_FILE} bytes: not a configuration")
        return tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist{_neighbour(path)}") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: byte {error.start}") from None
    except ValueError as error:  # TOMLDecodeError, or a number longer than Python reads
        raise ConfigError(f"{path} is not valid TOML: {shorten(str(error), 200)}") from None
    except RecursionError:
        raise ConfigError(f"{path} is not a configuration: nested too deeply") from None


def parse(raw: dict[str, Any], kind: type[C], source: str) -> C:
    """Make a `kind` of `raw`, naming `source` in the ConfigError that lists all its problems.

    Validation goes through JSON: strict mode then still accepts TOML's arrays for tuples.
    """
    if dates := sorted(_dates(raw, "")):
        lines = "\n".join(f"  {where}: a date or time is no setting" for where in dates[:5])
        raise ConfigError(f"{source} is not a valid {kind.__name__}:\n{lines}")
    try:
        return kind.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        told = "\n".join(tell(error, kind))
        raise ConfigError(f"{source} is not a valid {kind.__name__}:\n{told}") from None


def _dates(value: Any, where: str) -> list[str]:
    if isinstance(value, date | time):
        return [where]
    if isinstance(value, dict):
        items = [(f"{where}.{key}".lstrip("."), item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(f"{where}.{number}", item) for number, item in enumerate(value)]
    else:
        return []
    return [found for place, item in items for found in _dates(item, place)]


def _neighbour(path: Path) -> str:
    if not path.parent.is_dir():
        return f": there is no folder {path.parent}"
    known = sorted(p.stem for p in path.parent.glob("*.toml"))
    return f"; {nearest(path.stem, known, 'files there')}"
