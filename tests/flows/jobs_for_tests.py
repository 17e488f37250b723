"""Jobs that the worker tests send: module-level functions, as real jobs are."""

import os
import time
from collections.abc import Callable
from typing import Any

Emit = Callable[[Any], None]


def add(emit: Emit, left: int, right: int) -> int:
    """Add, telling each number on the way."""
    emit(left)
    emit(right)
    return left + right


def who(_: Emit) -> tuple[int, str]:
    """Tell the process and the threads it may use."""
    return os.getpid(), os.environ["OMP_NUM_THREADS"]


def fail(_: Emit, message: str) -> None:
    """Raise."""
    raise ValueError(message)


def die(_: Emit) -> None:
    """End the process at once, as an out-of-memory kill would."""
    os._exit(9)


def sleep(emit: Emit, seconds: float) -> None:
    """Say which process this is, then be busy."""
    emit(os.getpid())
    time.sleep(seconds)
