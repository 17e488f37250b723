"""The sources of a package, read all at once: what is parsed later is what was hashed."""

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Sources:
    """The `.py` files of a folder, by their paths in it."""

    files: Mapping[Path, bytes]

    @cached_property
    def sha256(self) -> str:
        """Of every file with its name, and of the Python that parses them."""
        whole = hashlib.sha256(sys.version.encode())
        for path, content in sorted(self.files.items()):
            whole.update(f"{path.as_posix()} {len(content)}\n".encode())
            whole.update(content)
        return whole.hexdigest()

    def module(self, parts: list[str]) -> tuple[bytes, Path] | None:
        """The source of a module below the package, and its file; None if there is none."""
        alone = [Path(*parts[:-1], f"{parts[-1]}.py")] if parts else []
        for path in (Path(*parts, "__init__.py"), *alone):
            if path in self.files:
                return self.files[path], path
        return None


def read_sources(root: Path) -> Sources:
    """Read a package, links followed; what is no file, or is gone again, is none of it."""
    found = {}
    for path in _python_files(root):
        try:
            found[path.relative_to(root)] = path.read_bytes()
        except FileNotFoundError:  # an editor or a checkout took it away since it was listed
            continue
    return Sources(found)


def _python_files(root: Path) -> Iterator[Path]:
    entered: set[str] = set()
    for folder, below, names in os.walk(root, followlinks=True):
        if (real := os.path.realpath(folder)) in entered:
            below.clear()
            continue
        entered.add(real)
        files = (Path(folder, name) for name in names if name.endswith(".py"))
        yield from (path for path in files if path.is_file())
