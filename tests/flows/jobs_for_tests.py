"""Jobs that the worker tests send: module-level functions, as real jobs are."""

import ctypes
import faulthandler
import os
import signal
import sys
import threading
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


def environment(_: Emit, name: str) -> str | None:
    """Tell a variable."""
    return os.environ.get(name)


def fail(_: Emit, message: str) -> None:
    """Raise."""
    raise ValueError(message)


def die(_: Emit) -> None:
    """End the process at once, as an out-of-memory kill would."""
    os._exit(9)


def sleep_without_letting_go(emit: Emit, seconds: float) -> None:
    """Say who it is and sleep in a call into a library that lets no other thread run."""
    emit(os.getpid())
    ctypes.PyDLL(None).sleep(int(seconds))


def sleep(emit: Emit, seconds: float) -> None:
    """Say which process this is, then be busy."""
    emit(os.getpid())
    time.sleep(seconds)


def squat(emit: Emit, seconds: float) -> None:
    """Say which process this is, then wait for a lock that nobody gives back."""
    emit(os.getpid())
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=seconds)


def steps(emit: Emit, seconds: list[float]) -> None:
    """Tell each step, after so many seconds of computing."""
    for number, one in enumerate(seconds):
        until = time.monotonic() + one
        while time.monotonic() < until:
            sum(range(1000))
        emit(number)


def killed(_: Emit) -> None:
    """Be killed by the system, after a while."""
    time.sleep(1.5)
    os.kill(os.getpid(), signal.SIGKILL)


def crash(_: Emit) -> None:
    """Do what a broken library does."""
    faulthandler._sigsegv()


def exhaust(_: Emit) -> None:
    """Ask for more memory than there is."""
    bytearray(1 << 60)


def exhaust_gpu(_: Emit) -> None:
    """Ask for more of the GPU's memory than there is."""
    import torch  # noqa: PLC0415

    torch.empty(1 << 42, device="cuda")


def lose_gpu(_: Emit) -> None:
    """Index out of bounds on the GPU: nothing works on it in this process any more."""
    import torch  # noqa: PLC0415

    torch.arange(4, device="cuda")[torch.tensor([7], device="cuda")]
    torch.cuda.synchronize()


def use_gpu(_: Emit, seconds: float) -> tuple[int, str]:
    """Compute for a while; how many GPUs there are, and the sum's device."""
    import torch  # noqa: PLC0415

    until = time.monotonic() + seconds
    numbers = torch.ones(1 << 20, device="cuda")
    while time.monotonic() < until:
        numbers.sum().item()
    return torch.cuda.device_count(), str(numbers.device)


def chatter(_: Emit, text: str) -> None:
    """Write to both outputs, from Python and from C."""
    sys.stdout.write(f"python says {text}\n")
    libc = ctypes.CDLL(None)
    libc.puts(f"C says {text}".encode())
    libc.fflush(None)
    os.write(2, f"descriptor says {text}\n".encode())


def flood(_: Emit, seconds: float) -> None:
    """Write without end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sys.stdout.write("x" * 10_000 + "\n")
