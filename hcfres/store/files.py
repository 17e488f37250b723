"""Whole files: their hashes, and writing them so that nobody ever sees half of one."""

import contextlib
import fcntl
import glob
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hcfres.store.errors import writing_failed

_BLOCK = 1 << 20
_RECENT_NS = 2_000_000_000
_known: dict[Path, tuple[tuple[int, int, int], str]] = {}
_lock = threading.Lock()


def file_hash(path: Path) -> str:
    """The sha256 of a file, remembered in this process while its size and time stay the same.

    A file changed in the last two seconds is read again each time: its time could repeat.
    """
    path = Path(path).absolute()
    stat = path.stat()
    stamp = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
    with _lock:
        if (known := _known.get(path)) and known[0] == stamp:
            return known[1]
    found = fresh_hash(path)
    if time.time_ns() - stat.st_mtime_ns > _RECENT_NS:
        with _lock:
            _known[path] = (stamp, found)
    return found


def fresh_hash(path: Path) -> str:
    """The sha256 of what the file holds now, remembering nothing."""
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            whole.update(block)
    return whole.hexdigest()


def leads_down(name: str) -> bool:
    """Whether `name`, read from a file, can only mean something below the file's folder."""
    steps = name.split("/")
    return not {"", ".", ".."} & set(steps) and "\\" not in name and "\0" not in name


def write_atomic(path: Path, content: bytes) -> None:
    """Put `content` at `path`: a reader finds the old file or the new one, whole.

    Raises:
        StoreError: the disk is full or refuses; the old file is untouched.
    """
    with replacing(path) as write:
        write(content)


@contextmanager
def replacing(path: Path) -> Iterator[Callable[[bytes | memoryview], object]]:
    """Give a function that writes to a file beside `path`, which takes its place at the end.

    What killed writers of `path` left beside it is removed.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_dead(path)
        with _taken(beside) as file:
            yield file.write
            sync(file)
            beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise writing_failed(path, error) from error
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _taken(beside: Path) -> BinaryIO:
    """Open a new file and lock it, so that nobody takes it for a dead writer's."""
    while True:
        file = beside.open("xb")
        fcntl.flock(file, fcntl.LOCK_EX)
        if beside.exists():
            return file
        file.close()


def _remove_dead(path: Path) -> None:
    """Remove unfinished files of `path` that nobody writes any more."""
    for beside in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        with contextlib.suppress(OSError), beside.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            beside.unlink()


def sync(file: BinaryIO) -> None:
    """Wait until what was written to `file` is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
