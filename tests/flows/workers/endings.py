"""Whether processes end in time."""

import contextlib
import time

import psutil


def gone_within(pid: int, seconds: float) -> bool:
    """Wait until a process has ended; False where it has not in time."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
    return True
