"""What is there of a file that is still being fetched, and of which file on the server it is."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from hcfres.data.errors import DataError
from hcfres.data.files import write_bytes
from hcfres.store.errors import writing_failed
from hcfres.store.files import sync, sync_folder

SUFFIX = ".partial"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Version:
    """Which content of an address a partial file belongs to."""

    address: str
    """Without credentials and query."""
    validator: str
    """A strong ETag, or the time of the last change; empty when the server gives neither."""
    total: int | None
    """Bytes of the whole, as first announced."""


class Partial:
    """`<name>.partial` beside the target, with its version in `<name>.partial.json`.

    It outlives its process, killed or not, and belongs to one process at a time.
    """

    def __init__(self, target: Path, file: BinaryIO) -> None:
        self.target = target
        self._file = file
        self.version = _known_version(note_of(target))

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return os.fstat(self._file.fileno()).st_size

    def restart(self, version: Version) -> None:
        """Throw the bytes away and begin with another version."""
        self.forget()
        write_bytes(note_of(self.target), json.dumps(asdict(version)).encode())
        self.version = version

    def forget(self) -> None:
        """Throw the bytes and the version away, in an order that never pairs old with new."""
        self._file.truncate(0)
        self._file.seek(0)
        note_of(self.target).unlink(missing_ok=True)
        self.version = None

    def write(self, block: bytes) -> None:
        """Add bytes.

        Raises:
            StoreError: the disk is full or refuses; what is there stays for another time.
        """
        left = memoryview(block)
        try:
            self._file.seek(0, os.SEEK_END)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise writing_failed(self.target, error) from error

    def sha256(self) -> str:
        """Hash what is there."""
        whole = hashlib.sha256()
        self._file.seek(0)
        while block := self._file.read(_BLOCK):
            whole.update(block)
        return whole.hexdigest()

    def finish(self) -> None:
        """Let the file take its place: the target is the old file or the new one, whole."""
        try:
            sync(self._file)
            part_of(self.target).replace(self.target)
            note_of(self.target).unlink(missing_ok=True)
            sync_folder(self.target.parent)
        except OSError as error:
            raise writing_failed(self.target, error) from error


@contextmanager
def open_partial(target: Path) -> Iterator[Partial]:
    """Open what is there of `target`, or nothing; whatever is there afterwards is kept.

    Raises:
        DataError: another process is fetching the same file.
        StoreError: the disk refuses.
    """
    part = part_of(target)
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        file = _held(target, part)
    except OSError as error:
        raise writing_failed(part, error) from error
    with file:
        partial = Partial(target, file)
        try:
            yield partial
        finally:
            if partial.size == 0 and _is(file, part):
                part.unlink()
                note_of(target).unlink(missing_ok=True)


def part_of(target: Path) -> Path:
    """Name the partial file of a target."""
    return target.with_name(f"{target.name}{SUFFIX}")


def note_of(target: Path) -> Path:
    """Name the file that says which version the partial file is of."""
    return target.with_name(f"{target.name}{SUFFIX}.json")


def bytes_there(target: Path) -> int:
    """Count the bytes of a target that an interrupted run left; 0 when there are none."""
    try:
        return part_of(target).stat().st_size
    except OSError:
        return 0


def _held(target: Path, part: Path) -> BinaryIO:
    """The partial file, open without buffer and locked by this process."""
    while True:
        number = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        file = os.fdopen(number, "r+b", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            reason = "another process is fetching this file"
            raise DataError(target, reason, "Wait for it, or stop it, and run again") from None
        if _is(file, part):
            return file
        file.close()  # the other process finished between our opening and our lock


def _is(file: BinaryIO, path: Path) -> bool:
    """Tell whether an open file still has this name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _known_version(note: Path) -> Version | None:
    """Read a version; None when the file is missing or says nothing sensible."""
    try:
        said: Any = json.loads(note.read_text())
        version = Version(said["address"], said["validator"], said["total"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    texts = isinstance(version.address, str) and isinstance(version.validator, str)
    return version if texts and isinstance(version.total, int | None) else None
