"""One kept result: a folder with the value and a record that explains it."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hcfres.store.files import fresh_hash, leads_down
from hcfres.store.toml import write_toml

VALUE = "value.safetensors"
RECORD = "config.toml"


@dataclass(frozen=True)
class KeptFile:
    """What a file was when it was written."""

    name: str
    size: int
    """Bytes."""
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class Record:
    """What a result is: enough to say where it came from without any other file."""

    stage: str
    version: int
    key: str
    label: str
    seed: int | None
    inputs: tuple[str, ...]
    settings: dict[str, Any]
    fingerprint: str
    """Of the code that made it."""
    accepted: tuple[str, ...]
    """Fingerprints of later code for which a person kept the result all the same."""
    created: str
    """UTC, ISO 8601."""
    seconds: float
    """Of wall time that making it took."""
    files: tuple[KeptFile, ...]

    def told(self) -> str:
        """The record as TOML."""
        plain = {k: v for k, v in vars(self).items() if k not in ("settings", "files")}
        files = {f.name: {k: v for k, v in vars(f).items() if k != "name"} for f in self.files}
        return write_toml(plain | {"settings": self.settings, "files": files})


def read_record(folder: Path) -> Record | None:
    """The record of a result's folder; None where it is missing, broken, or names files outside."""
    try:
        raw = tomllib.loads((folder / RECORD).read_bytes().decode())
        if not all(map(leads_down, raw["files"])):
            return None
        files = tuple(KeptFile(name, **told) for name, told in raw.pop("files").items())
        sequences: dict[str, Any] = {key: tuple(raw.pop(key)) for key in ("inputs", "accepted")}
        settings, seed = raw.pop("settings", {}), raw.pop("seed", None)
        return Record(settings=settings, seed=seed, files=files, **sequences, **raw)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def looks_whole(folder: Path, record: Record) -> bool:
    """Whether every file has the size and time of its writing, or else its content.

    A copied workspace keeps sizes and contents but not always times.
    """
    return bool(record.files) and all(_looks_same(folder / f.name, f) for f in record.files)


def is_whole(folder: Path, record: Record) -> bool:
    """Whether every file holds, byte for byte, what was written."""
    return bool(record.files) and all(_is_same(folder / f.name, f) for f in record.files)


def kept_file(path: Path) -> KeptFile:
    """Describe a file just written."""
    stat = os.stat(path)
    return KeptFile(path.name, stat.st_size, stat.st_mtime_ns, fresh_hash(path))


def _looks_same(path: Path, kept: KeptFile) -> bool:
    try:
        stat = path.stat()
    except OSError:
        return False
    if stat.st_size != kept.size:
        return False
    return stat.st_mtime_ns == kept.mtime_ns or _is_same(path, kept)


def _is_same(path: Path, kept: KeptFile) -> bool:
    try:
        return path.stat().st_size == kept.size and fresh_hash(path) == kept.sha256
    except OSError:
        return False
