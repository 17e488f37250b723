"""Signs of life: what a worker tells of itself once a second, whatever its job is doing."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from types import FrameType
from typing import Any

import psutil

from flows.tracing.meter import peak_mb
from hcfres.store import locks

EVERY_S = 1.0
_CALLS = 60
"""The innermost calls that are told."""
_MB = 1e6


@dataclass(frozen=True)
class Beat:
    """One sign of life."""

    where: tuple[str, ...]
    """The calls that the job is in, the outermost first, as `file:line function`."""
    waits: bool
    """Whether the job waits for another process that makes what it needs."""
    worked_s: float
    """Time of the processor that the process took, signs of life not counted."""
    peak_mb: float
    """Most memory that the process had, in units of 10**6 bytes."""
    system: dict[str, float] = field(default_factory=dict)
    """By the names that MLflow has for system metrics, without its prefix."""


@contextlib.contextmanager
def beating(send: Callable[[Beat], None], device: str) -> Iterator[None]:
    """Send a beat every second while inside; none is under way any more afterwards."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(EVERY_S):
            send(take_beat(device))

    thread = threading.Thread(target=beat, name="beats", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def take_beat(device: str) -> Beat:
    """Look at this process and its first thread, which does the job."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    waits = frame is not None and frame.f_code.co_filename == locks.__file__
    try:
        system = _system(device)
    except Exception:  # whatever a driver answers: a beat without them is a sign of life too
        system = {}
    worked = time.process_time() - time.thread_time()
    return Beat(_where(frame), waits, worked, peak_mb(), system)


def gpu_peak_mb() -> float | None:
    """Most memory of the GPU that torch had in this process; None where it uses none."""
    torch = _torch_on_gpu()
    return None if torch is None else torch.cuda.max_memory_allocated() / _MB


def _where(frame: FrameType | None) -> tuple[str, ...]:
    calls: list[str] = []
    while frame is not None and len(calls) < _CALLS:
        code = frame.f_code
        calls.append(f"{code.co_filename}:{frame.f_lineno} {code.co_qualname}")
        frame = frame.f_back
    return tuple(reversed(calls))


def _system(device: str) -> dict[str, float]:
    """The machine, this process (100 % is one core), and the GPU where it uses one."""
    own, memory = _own_process(), psutil.virtual_memory()
    told = {
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_megabytes": memory.used / _MB,
        "system_memory_usage_percentage": memory.percent,
        "process_cpu_percentage": own.cpu_percent(),
        "process_memory_megabytes": own.memory_info().rss / _MB,
    }
    return told | _gpu(device.partition(":")[2] or "0")


def _gpu(number: str) -> dict[str, float]:
    """Of the GPU by its number on the machine; how busy it is needs the package nvidia-ml-py."""
    torch = _torch_on_gpu()
    if torch is None:
        return {}
    free, total = torch.cuda.mem_get_info()
    told = {
        f"gpu_{number}_memory_usage_megabytes": (total - free) / _MB,
        f"gpu_{number}_memory_usage_percentage": 100 * (total - free) / total,
    }
    if find_spec("pynvml") is not None:
        told[f"gpu_{number}_utilization_percentage"] = float(torch.cuda.utilization())
    return told


def _torch_on_gpu() -> Any:
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_initialized() else None


@cache
def _own_process() -> psutil.Process:
    return psutil.Process()
