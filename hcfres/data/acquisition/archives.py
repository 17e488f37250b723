"""Zip archives from anywhere: members stay in their folder, and no archive fills the disk."""

import os
import stat
import struct
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hcfres.data.acquisition.space import require_room
from hcfres.data.errors import DataError, too_many
from hcfres.store.errors import writing_failed

_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError,
    OverflowError, struct.error, KeyError, IndexError,
)  # fmt: skip
_AGAIN = "Fetch the archive again, or unpack it by hand"
_BLOCK = 1 << 20
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LONGEST_COMMENT = 0xFFFF
_ENTRY = 46 + 1024
"""Bytes of the directory that one member may take: its fields and a generous name."""


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to."""

    members: int = 100_000
    size: int = 16 << 30
    """Bytes of all members together."""
    ratio: int = 200
    """How many times longer than its packed bytes a member may be, after the first megabyte."""


def archive_members(archive: Path, limits: Limits | None = None) -> dict[str, int]:
    """Give the names of the files in an archive and their bytes, once all of them are harmless.

    Raises:
        DataError: not a zip archive; encrypted; more or larger members than the limits; a name
            that is absolute, climbs out of its folder or comes twice; a link or a device. All
            such members are named at once.
    """
    limits = limits or Limits()
    with _opened(archive, limits) as zipped:
        return {info.filename: info.file_size for info in _files(archive, zipped, limits)}


def extract_members(
    archive: Path, folder: Path, members: Collection[str], limits: Limits | None = None
) -> tuple[Path, ...]:
    """Unpack some members under `folder`, where each keeps its name; all of them or none.

    Raises:
        DataError: as `archive_members`; a member is absent or broken, or leads out of `folder`
            through a link there; the disk has too little room.
        StoreError: the disk is full.
    """
    limits = limits or Limits()
    with _opened(archive, limits) as zipped:
        files = {info.filename: info for info in _files(archive, zipped, limits)}
        if absent := sorted(set(members) - set(files)):
            raise DataError(archive, f"the archive has no {', '.join(absent)}", _AGAIN)
        chosen = [files[name] for name in members]
        targets = [_target(archive, folder, info.filename) for info in chosen]
        require_room(folder, sum(info.file_size for info in chosen), str(archive))
        _unpack(archive, zipped, chosen, targets, folder)
    return tuple(targets)


def _unpack(
    archive: Path,
    zipped: zipfile.ZipFile,
    chosen: list[zipfile.ZipInfo],
    targets: list[Path],
    folder: Path,
) -> None:
    """All members beside the folder's files first, then each to its place."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unpacking.", dir=folder) as beside:
            for number, info in enumerate(chosen):
                _copy(archive, zipped, info, Path(beside) / str(number))
            for number, target in enumerate(targets):
                target.parent.mkdir(parents=True, exist_ok=True)
                (Path(beside) / str(number)).replace(target)
    except OSError as error:
        raise writing_failed(folder, error) from error


def _copy(archive: Path, zipped: zipfile.ZipFile, info: zipfile.ZipInfo, place: Path) -> None:
    """One member; its bytes are counted, and its checksum is verified at the last one."""
    try:
        with zipped.open(info) as packed, place.open("xb") as file:
            left = info.file_size
            while block := packed.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    raise zipfile.BadZipFile("more bytes than the directory announces")
                file.write(block)
            if left:
                raise zipfile.BadZipFile(f"{left} bytes fewer than the directory announces")
    except _BROKEN as error:
        raise DataError(archive, f"broken: {error}", _AGAIN, f"member {info.filename}") from None


def _opened(archive: Path, limits: Limits) -> zipfile.ZipFile:
    """Open an archive whose directory is not longer than the limits let it be."""
    if not archive.is_file():
        raise DataError(archive, "there is no such file", _AGAIN)
    try:
        directory = _directory_size(archive)
        if directory > limits.members * _ENTRY:
            reason = f"a directory of {directory} bytes; at most {limits.members} members are read"
            raise DataError(archive, reason, _AGAIN)
        return zipfile.ZipFile(archive)
    except _BROKEN as error:
        raise DataError(archive, f"this is not a zip archive ({error})", _AGAIN) from None
    except OSError as error:
        raise DataError(archive, f"cannot be read ({error.strerror})", _AGAIN) from error


def _directory_size(archive: Path) -> int:
    """Bytes of the central directory, from the record at the archive's end."""
    size = archive.stat().st_size
    with archive.open("rb") as file:
        start = max(size - _END.size - _LONGEST_COMMENT, 0)
        file.seek(start)
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < _END.size:
            raise zipfile.BadZipFile("no directory at its end")
        length = int(_END.unpack_from(tail, at)[5])
        before = start + at - 20  # the pointer to the record of large archives stands before it
        if before < 0:
            return length
        file.seek(before)
        pointer = file.read(20)
        if pointer[:4] != b"PK\x06\x07":
            return length
        file.seek(min(struct.unpack_from("<Q", pointer, 8)[0], size))
        record = file.read(_END64.size)
        if len(record) < _END64.size or record[:4] != b"PK\x06\x06":
            raise zipfile.BadZipFile("no record of a large archive where its pointer says")
        large = int(_END64.unpack(record)[8])
        return large if length == 0xFFFFFFFF else max(length, large)


def _files(archive: Path, zipped: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    """The files of an archive, folders left out, after everything in it was looked at."""
    infos = zipped.infolist()
    if len(infos) > limits.members:
        reason = f"{len(infos)} members; at most {limits.members} are read"
        raise DataError(archive, reason, _AGAIN)
    problems = [f"{i.filename!r} {said}" for i in infos if (said := _suspicion(i, limits))]
    names = [_folded(info.filename) for info in infos]
    problems += [f"{name!r} comes twice" for name in sorted(_repeated(names))]
    total = sum(info.file_size for info in infos)
    if total > limits.size:
        problems.append(f"{total} bytes in all; at most {limits.size} are unpacked")
    if problems:
        raise DataError(archive, too_many(problems).rstrip(), _AGAIN)
    return [info for info in infos if not info.is_dir()]


def _suspicion(info: zipfile.ZipInfo, limits: Limits) -> str:
    """What is wrong with a member; empty when nothing is."""
    name, kind = info.filename, stat.S_IFMT(info.external_attr >> 16)
    parts = PurePosixPath(name).parts
    checks = {
        "is absolute": name.startswith("/") or ":" in (parts or ("",))[0],
        "leads out of its folder": ".." in parts,
        "is no file's name": not parts
        or "\\" in info.orig_filename
        or any(ord(letter) < 32 for letter in info.orig_filename),
        "is a link or a device": kind not in (0, stat.S_IFREG, stat.S_IFDIR),
        "begins before the archive does": info.header_offset < 0,
        "is encrypted": bool(info.flag_bits & 0x1),
        "is packed in a way that is not read": info.compress_type
        not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),
        "unpacks to far more than it is": info.file_size
        > _BLOCK + limits.ratio * info.compress_size,
    }
    return ", ".join(said for said, wrong in checks.items() if wrong)


def _folded(name: str) -> str:
    """A name as the least particular file system sees it."""
    return str(PurePosixPath(name)).casefold()


def _repeated(names: list[str]) -> set[str]:
    return {name for name, times in Counter(names).items() if times > 1}


def _target(archive: Path, folder: Path, name: str) -> Path:
    """Where a member goes; a link that lies in the way must not lead out of the folder."""
    target = folder / PurePosixPath(name)
    inside = Path(os.path.realpath(target.parent)).is_relative_to(os.path.realpath(folder))
    if not inside or target.is_symlink() or target.is_dir():
        raise DataError(archive, f"{target} leads elsewhere or is a folder", "Remove it", name)
    return target
