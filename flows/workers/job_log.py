"""What a worker writes while it does a job, C libraries included, as a file of bounded size."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

NAME = "worker.log"
LONGEST = 1_000_000
"""Bytes that a log may have; of a longer one its last half is kept."""
_LONGEST_LINE = 20_000
_STDOUT, _STDERR = 1, 2


@contextlib.contextmanager
def output_into(path: Path | None) -> Iterator[None]:
    """Append everything that this process writes to its outputs to a file while inside.

    Args:
        path: of the file, whose folder is made when missing; several processes may share it.
            None: the outputs stay what they are.
    """
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    kept = [(output, os.dup(output)) for output in (_STDOUT, _STDERR)]
    try:
        _turn([(output, number) for output, _ in kept])
        yield
    finally:
        _turn(kept)
        for opened in (number, *(before for _, before in kept)):
            os.close(opened)


def say(text: str) -> None:
    """Write one line with the time to where this process's errors go; on a full disk it is lost."""
    line = f"{time.strftime('%H:%M:%S')} {text}"
    with contextlib.suppress(OSError):
        sys.stderr.write(line[:_LONGEST_LINE] + "\n")
        sys.stderr.flush()


def shorten(path: Path) -> None:
    """Cut a log that has become too long; what is written meanwhile goes on at its new end.

    One that somebody removed, or that the disk has no room for, is left as it is.
    """
    with contextlib.suppress(OSError):
        if path.stat().st_size > LONGEST:
            rest = _last(path, LONGEST // 2)
            with path.open("r+b") as file:
                file.truncate(0)
                file.write(b"... (the beginning was cut off)\n" + rest)


def tail(path: Path | None, size: int = 4000) -> str:
    """The end of a log; empty where there is none."""
    return "" if path is None or not path.exists() else _last(path, size).decode(errors="replace")


def _last(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read(size)


def _turn(outputs: list[tuple[int, int]]) -> None:
    """Let each output of this process go where another open file goes."""
    sys.stdout.flush()
    sys.stderr.flush()
    for output, target in outputs:
        os.dup2(target, output)
