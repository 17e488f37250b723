"""What makes two configurations the same, as sixteen hexadecimal digits."""

import hashlib
import json
from typing import Any

from hcfres.config.base import Config
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig

DIGITS = 16
NOT_IDENTITY: dict[type[Config], frozenset[str]] = {
    MethodConfig: frozenset({"name", "title"}),
    SettingConfig: frozenset({"name", "title", "seeds"}),
}
"""Fields that never change a number: what a configuration is called, and which seeds are planned
(the seed of a cell is a field of the cell)."""


class Told:
    """A configuration as a digest takes it, worked out once for being part of many."""

    def __init__(self, config: Config) -> None:
        self.parts = _told(config)


VARIED = "\0varied"
"""Stands for the number in the parts of Digests, once."""
Part = str | int | float | bool | Config | Told | dict[str, "Part"] | None


def digest(*parts: Part) -> str:
    """Identify a result by everything that decides it.

    Args:
        parts: versions, seeds, keys of inputs, hashes of files, and whole configurations, defaults
            included, so that a changed default is a new result. The fields of NOT_IDENTITY are
            left out. Paths are refused: where a thing lies is not what it is.
    """
    return hashlib.sha256(_as_text(parts).encode()).hexdigest()[:DIGITS]


class Digests:
    """`digest` of parts that differ in one whole number alone, which stands at VARIED."""

    def __init__(self, *parts: Part) -> None:
        before, after = _as_text(parts).split(json.dumps(VARIED))
        self._before = hashlib.sha256(before.encode())
        self._after = after.encode()

    def of(self, number: int) -> str:
        """The digest of the parts with this number."""
        whole = self._before.copy()
        whole.update(str(number).encode() + self._after)
        return whole.hexdigest()[:DIGITS]


def _as_text(parts: tuple[Part, ...]) -> str:
    return json.dumps([_told(part) for part in parts], sort_keys=True, allow_nan=False)


def _told(part: Any) -> Any:
    if isinstance(part, Told):
        return part.parts
    if isinstance(part, Config):
        left_out = NOT_IDENTITY.get(type(part), frozenset())
        return {name: _told(value) for name, value in part if name not in left_out}
    if isinstance(part, tuple | list):
        return [_told(item) for item in part]
    if isinstance(part, dict):
        return {str(key): _told(value) for key, value in part.items()}
    if part is None or isinstance(part, str | int | float):
        return part
    raise TypeError(f"a {type(part).__name__} has no identity: give its hash or its key")
