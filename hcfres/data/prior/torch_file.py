"""Arrays out of a file of `torch.save`, read as a description: nothing that it names is called.

The file is a zip archive of torch's own kind: uncompressed members in one folder, of which
`data.pkl` describes the arrays and `data/<key>` holds the numbers of a tensor. Every length is held
against the file before anything is made of it: what is read takes at most about ten times the file,
and a file has at most LARGEST bytes.
"""

import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hcfres.data.errors import DataError
from hcfres.data.prior.array_description import DescriptionError, described_arrays

LARGEST = 256 << 20
"""Bytes; the largest ScanNet scan needs about 60 MB."""
_LARGEST_DIRECTORY = 1 << 20
_DESCRIPTION = "data.pkl"
_CONTENTS = "table of contents"
_WAY_OUT = "Save it again with torch.save, as numpy arrays or plain tensors on the CPU"
_DAMAGE = (
    zipfile.BadZipFile,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
"""What zipfile ends in where an archive is broken."""


def read_torch_file(path: Path) -> tuple[np.ndarray, ...]:
    """Return the arrays or tensors of a file, in order: those of a tuple or list, or the only one.

    Raises:
        DataError: missing, damaged, or it holds or asks for anything but arrays of numbers.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            reason = f"{size} bytes are more than the {LARGEST} that are read"
            raise DataError(path, reason, _WAY_OUT)
        _require_small_directory(path, size)
        with zipfile.ZipFile(path) as file:
            archive = _archive(path, file, size)
            return described_arrays(archive.read(_DESCRIPTION), archive, 2 * size)
    except DataError:
        raise
    except DescriptionError as error:
        place = f"{_DESCRIPTION}, {error.place}"
        raise DataError(path, error.reason, _WAY_OUT, place) from None
    except FileNotFoundError:
        raise DataError(path, "there is no such file") from None
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror or error})", _WAY_OUT) from error
    except _DAMAGE as error:
        raise DataError(path, f"damaged ({str(error)[:200]})", _WAY_OUT, "archive") from None


@dataclass(frozen=True)
class _Archive:
    """The members, by their names within the one folder."""

    path: Path
    file: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]

    def size(self, name: str) -> int | None:
        """Bytes of a member; None where there is no such member."""
        found = self.members.get(name)
        return found.file_size if found else None

    def read(self, name: str) -> bytes:
        """A member's content, after zipfile has held it against its checksum."""
        if name not in self.members:
            raise DataError(self.path, f"there is no {name}", _WAY_OUT, _CONTENTS)
        try:
            content = self.file.read(self.members[name])
        except _DAMAGE as error:
            raise DataError(self.path, f"damaged ({error})", _WAY_OUT, name) from None
        if len(content) != self.members[name].file_size:
            raise DataError(self.path, "it ends early", _WAY_OUT, name)
        return content


def _require_small_directory(path: Path, size: int) -> None:
    """Refuse a zip file whose directory is long, before it is read: a million names are no scan."""
    with path.open("rb") as file:
        file.seek(max(size - 22 - 20 - 56, 0))
        end = file.read().rjust(98, b"\0")
    if end[-22:-18] != b"PK\5\6":
        reason = "this is no zip archive as torch.save has written since version 1.6"
        raise DataError(path, reason, _WAY_OUT, "end of the file")
    found = struct.unpack("<I", end[-10:-6])[0]
    if end[:4] == b"PK\6\6" and end[-42:-38] == b"PK\6\7":
        found = struct.unpack("<Q", end[40:48])[0]
    if found > min(size, _LARGEST_DIRECTORY):
        raise DataError(path, f"it has {found} bytes, in a file of {size}", _WAY_OUT, _CONTENTS)


def _archive(path: Path, file: zipfile.ZipFile, size: int) -> _Archive:
    infos = file.infolist()
    folders = {info.filename.partition("/")[0] for info in infos}
    total = sum(info.file_size for info in infos)
    reason = ""
    if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in infos):
        reason = "members are compressed or encrypted, which torch.save never does"
    elif any(info.compress_size != info.file_size for info in infos):
        reason = "it announces two lengths of a member"
    elif total > size:
        reason = f"its members have {total} bytes, in a file of {size}"
    elif len(folders) != 1 or len({info.filename for info in infos}) != len(infos):
        reason = "this is no archive of torch.save: its members are not in one folder"
    if reason:
        raise DataError(path, reason, _WAY_OUT, _CONTENTS)
    archive = _Archive(path, file, {info.filename.partition("/")[2]: info for info in infos})
    if archive.size("byteorder") and archive.read("byteorder") != b"little":
        raise DataError(path, "it was written on a big-endian machine", _WAY_OUT, "byteorder")
    return archive
