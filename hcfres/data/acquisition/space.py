"""Room on the disk: promised to a file before its first byte, so that parallel files share it."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hcfres.data.errors import DataError

RESERVE = 64 << 20
"""Bytes that stay free."""

_lock = threading.Lock()
_promised: dict[int, int] = {}


class Promise:
    """Bytes of one disk that a file will take."""

    def __init__(self, device: int, size: int) -> None:
        self._device, self._left = device, size

    def spend(self, size: int) -> None:
        """Say that `size` bytes were written: the disk itself counts them from now on."""
        with _lock:
            size = min(size, self._left)
            self._left -= size
            _promised[self._device] -= size


@contextmanager
def promised(path: Path, size: int, source: str) -> Iterator[Promise]:
    """Hold room for `size` more bytes of the file `path` while inside.

    Args:
        path: the file that will be written; its folder exists.
        size: bytes still to come; 0 when nobody knows.
        source: where the bytes come from, for the message.

    Raises:
        DataError: the disk, less what other files were promised, has too little room.
    """
    folder = path.parent
    device = folder.stat().st_dev
    with _lock:
        free = shutil.disk_usage(folder).free - _promised.get(device, 0) - RESERVE
        if size > free:
            raise no_room(path, size, max(free, 0), source)
        _promised[device] = _promised.get(device, 0) + size
    promise = Promise(device, size)
    try:
        yield promise
    finally:
        promise.spend(size)


def require_room(folder: Path, size: int, what: str) -> None:
    """Refuse to begin what will not fit.

    Raises:
        DataError: the disk of `folder`, or of its first existing parent, has too little room.
    """
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = max(shutil.disk_usage(place).free - RESERVE, 0)
    if size > free:
        raise no_room(folder, size, free, what)


def no_room(path: Path, size: int, free: int, source: str) -> DataError:
    """What to tell when a disk is too small."""
    reason = f"{source}: {readable(size)} are needed and {readable(free)} are free on this disk"
    return DataError(
        path,
        reason,
        "Free some space, ask for fewer scans (--scenes) or frames (--frames-every 10 "
        "--drop-sens), or set HCFRES_HOME to a folder on another disk",
    )


def readable(size: int | float) -> str:
    """Write a number of bytes as people do: `1.5 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.2f} TB"
