"""What was written is listed last of all, so that it can be told from what is there."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hcfres.data.files import write_bytes
from hcfres.store.files import fresh_hash

Flaws = dict[str, str]
"""What is wrong with each file that is not as it was written, by its path in the dataset."""


@dataclass(frozen=True)
class Code:
    """Code that makes files."""

    fingerprint: str
    same: frozenset[str]
    """Fingerprints of earlier code that made the same files."""

    def makes_the_same_as(self, fingerprint: str) -> bool:
        """Whether code of this fingerprint made the files that this code makes."""
        return fingerprint == self.fingerprint or fingerprint in self.same


@dataclass(frozen=True)
class Marker:
    """The list of files that belong together: their sizes and hashes."""

    path: Path
    root: Path
    """The dataset's folder."""
    identity: dict[str, Any]
    """What decides the files' content; a list of another identity does not count."""
    code: Code
    """Decides it too: a list that other code wrote, or that names none, does not count."""

    def write(self, files: Iterable[Path]) -> None:
        """List the files as they are on the disk; this declares them finished."""
        listed = {
            str(path.relative_to(self.root)): [path.stat().st_size, fresh_hash(path)]
            for path in sorted(files)
        }
        told = self.identity | {"code": self.code.fingerprint, "files": listed}
        write_bytes(self.path, json.dumps(told, indent=0).encode())

    def remove(self) -> None:
        """Declare that the files are not finished."""
        self.path.unlink(missing_ok=True)

    def flaws(self, files: Iterable[Path], hashes: bool = False) -> Flaws | None:
        """Hold the files that are there against the list; None where they were never finished.

        Names and sizes are compared, and hashes of what was changed after the list was written.

        Args:
            files: all that is there of what belongs together.
            hashes: compare the hash of every file.
        """
        listed = self._listed()
        if listed is None:
            return None
        there = {str(path.relative_to(self.root)): path for path in files}
        since = None if hashes else self.path.stat().st_mtime_ns
        found = {name: _flaw(path, listed.get(name), since) for name, path in there.items()}
        missing = {name: "the file is missing" for name in listed if name not in there}
        return missing | {name: flaw for name, flaw in found.items() if flaw}

    def _listed(self) -> dict[str, tuple[int, str]] | None:
        """Read the list; None where there is none, of this identity and code, as it is written."""
        try:
            told = json.loads(self.path.read_bytes())
            code = str(told["code"])
            files = {
                str(name): (int(size), str(sha)) for name, (size, sha) in told["files"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        identity = {name: told[name] for name in told.keys() - {"code", "files"}}
        return files if identity == self.identity and self.code.makes_the_same_as(code) else None


def files_in(folders: Sequence[Path]) -> Iterator[Path]:
    """Give every file under the folders but hidden ones, which no reader looks at."""
    for folder in folders:
        for place, _, names in os.walk(folder):
            yield from (Path(place) / name for name in names if not name.startswith("."))


def _flaw(path: Path, listed: tuple[int, str] | None, since: int | None) -> str:
    """What is wrong with a file, in words; nothing where it is as it was written.

    Args:
        path: the file.
        listed: its size and hash; None for one that is not in the list.
        since: only what was changed after this time (ns) is hashed; None: everything is.
    """
    if listed is None:
        return "the file is not one of those that were made"
    stat = path.stat()
    if stat.st_size != listed[0]:
        return f"{stat.st_size} bytes of {listed[0]}"
    if (since is None or stat.st_mtime_ns > since) and fresh_hash(path) != listed[1]:
        return "the content was changed"
    return ""
