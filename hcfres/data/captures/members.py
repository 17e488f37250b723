"""The files of a recording by name, whether they lie in a folder or in a zip archive."""

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hcfres.data.errors import DataError
from hcfres.data.files import read_bytes

LARGEST = 64 << 20
"""Bytes of a member that is read: an image, or the description of a recording."""
_BROKEN = (zipfile.BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)
_AGAIN = "Export the recording again"


@dataclass(frozen=True)
class Members:
    """What lies in a folder, or in an archive that is never unpacked onto the disk."""

    root: Path

    @cached_property
    def _sizes(self) -> dict[str, int]:
        if self.root.is_dir():
            inside = (*self.root.iterdir(), *(p for d in _folders(self.root) for p in d.iterdir()))
            files = (path for path in inside if path.is_file())
            return {p.relative_to(self.root).as_posix(): p.stat().st_size for p in files}
        try:
            with zipfile.ZipFile(self.root) as archive:
                return {info.filename: info.file_size for info in archive.infolist()}
        except _BROKEN as error:
            raise DataError(self.root, f"this is no zip archive ({error})", _AGAIN) from None

    def names(self) -> tuple[str, ...]:
        """Names of all members, down to one folder below the root."""
        return tuple(self._sizes)

    def read(self, name: str) -> bytes:
        """The content of one member.

        Raises:
            DataError: it is not there, broken, or larger than LARGEST, whatever the archive says.
        """
        if self.root.is_dir():
            return read_bytes(self.root / name, _AGAIN, LARGEST)
        if self._sizes.get(name, 0) > LARGEST:
            reason = f"{self._sizes[name]} bytes are more than the {LARGEST} that are read"
            raise DataError(self.root, reason, _AGAIN, name)
        try:
            with zipfile.ZipFile(self.root) as archive, archive.open(name) as member:
                content = member.read(LARGEST + 1)
        except KeyError:
            raise DataError(self.root, "there is no such member", _AGAIN, name) from None
        except (*_BROKEN, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
            raise DataError(self.root, f"the member is broken ({error})", _AGAIN, name) from None
        if len(content) > LARGEST:
            raise DataError(self.root, f"more than {LARGEST} bytes", _AGAIN, name)
        return content

    def place(self, name: str) -> str:
        """How a member is called in errors."""
        return f"{self.root / name}" if self.root.is_dir() else f"{self.root}, {name}"


def _folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir()]
