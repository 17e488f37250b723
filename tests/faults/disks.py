"""Disks and files that take no more: a small disk is mounted where that is allowed."""

import contextlib
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psutil

from tests.faults.victims import processes_of

SIZE_MB = 400
_FILE_BYTES = 2048
_REFUSALS = ("disk is full", "No space left on device", "File too large")


class Disk(Protocol):
    """A disk that can be full for a while."""

    def fill(self) -> str:
        """Leave no room; says how."""

    def free(self) -> None:
        """Give the room back."""


def refused_in(told: str) -> bool:
    """Whether a grid says that a write was refused; whose writes are refused ends, and says it."""
    return any(refusal in told for refusal in _REFUSALS)


class SmallDisk:
    """A disk of its own, in memory."""

    def __init__(self, place: Path) -> None:
        self._filler = place / "filler"

    def fill(self) -> str:
        """Write a file until not one byte is left."""
        with self._filler.open("ab", buffering=0) as file:
            for block in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(block))
        return f"{SIZE_MB} MB are full"

    def free(self) -> None:
        """Remove the file."""
        self._filler.unlink(missing_ok=True)


class SmallFiles:
    """Where nothing can be mounted: the grid's processes may write no long file."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._hard: dict[int, int] = {}

    def fill(self) -> str:
        """Let every process of the grid write no further than a few bytes into any file."""
        for process in processes_of(self._workspace):
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (_FILE_BYTES, hard))
                self._hard[process.pid] = hard
        return f"{len(self._hard)} processes may write files of {_FILE_BYTES} bytes"

    def free(self) -> None:
        """Take the limit away."""
        for pid, hard in self._hard.items():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        self._hard.clear()


@contextmanager
def small_disk(place: Path) -> Iterator[bool]:
    """Mount a disk of SIZE_MB at the folder `place`; false where that is not allowed.

    It goes with the context, and all that is on it.
    """
    place.mkdir(parents=True, exist_ok=True)
    mount = shutil.which("mount")
    asked = [mount or "false", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(place)]
    mounted = subprocess.run(asked, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)
