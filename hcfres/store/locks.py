"""One maker at a time, across processes."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hcfres.store.errors import writing_failed


class Busy(Exception):
    """Somebody else holds the lock."""


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold the lock file `path`; the system frees it should this process die.

    Raises:
        Busy: somebody else holds it, and this was not to wait.
    """
    number = _take(path, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(number)


def _take(path: Path, how: int) -> int:
    """Open and lock; again if its last holder removed the file in between."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            number = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise writing_failed(path, error) from error
        try:
            fcntl.flock(number, how)
        except BlockingIOError:
            os.close(number)
            raise Busy from None
        if _is_same(number, path):
            return number
        os.close(number)


def _is_same(number: int, path: Path) -> bool:
    try:
        return os.fstat(number).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
