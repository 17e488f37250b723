"""What a piece of work takes: time, memory, and energy where the machine can tell it."""

import contextlib
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_RAPL = Path("/sys/class/powercap")
_PACKAGES = "intel-rapl:[0-9]*"
_STATUS = Path("/proc/self/status")
_RESET_PEAK = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Spent:
    """What was spent so far; None where this machine cannot say."""

    wall_s: float
    device_s: float
    """Of a GPU, which is the work's alone: as long as it was held. Of the processor: its time,
    all threads added up."""
    memory_mb: float
    """Most memory of the process, in units of 10**6 bytes."""
    gpu_memory_mb: float | None
    """Most memory of the GPU that torch held."""
    cpu_joules: float | None
    """Of the machine's processors, other work of the time included."""
    gpu_joules: float | None
    """Of the GPU; None where several were at work, of which only one was asked."""

    def together(self, processes: int) -> "Spent":
        """What as many processes spent that keep step with this one."""
        if processes == 1:
            return self
        return replace(self, device_s=round(processes * self.device_s, 3), gpu_joules=None)


class Meter:
    """Measures from its making on; `read` may be called again and again."""

    def __init__(self, device: str) -> None:
        """Begin.

        Args:
            device: `cpu`, or `cuda` with the GPU's number as the driver counts, or its UUID.
        """
        self._kind, _, number = device.partition(":")
        self._began, self._cpu = time.perf_counter(), _processor_s()
        with contextlib.suppress(OSError):
            _RESET_PEAK.write_text("5")  # the peak of earlier work of this process does not count
        torch = _torch(self._kind)
        if torch is not None:
            torch.cuda.reset_peak_memory_stats()
        self._rapl = [_Counter(_zone_joules(zone), _zone_wraps(zone)) for zone in _zones()]
        self._gpu = _gpu_counter(number or "0") if self._kind == "cuda" else None

    def read(self) -> Spent:
        """What was spent since the meter began."""
        wall, torch = time.perf_counter() - self._began, _torch(self._kind)
        return Spent(
            wall_s=round(wall, 3),
            device_s=round(wall if self._kind == "cuda" else _processor_s() - self._cpu, 3),
            memory_mb=round(peak_mb(), 1),
            gpu_memory_mb=round(torch.cuda.max_memory_allocated() / 1e6, 1) if torch else None,
            cpu_joules=_sum([counter.spent() for counter in self._rapl]),
            gpu_joules=_sum([self._gpu.spent()] if self._gpu else []),
        )


class _Counter:
    """A count of joules that begins anew after so many; asked more often than that, it adds up."""

    def __init__(self, read: Callable[[], float], wraps: float) -> None:
        self._read, self._wraps = read, wraps
        self._last, self._total = read(), 0.0

    def spent(self) -> float:
        now = self._read()
        self._total += now - self._last + (self._wraps if now < self._last else 0.0)
        self._last = now
        return self._total


def _zones() -> list[Path]:
    """The processors whose count of energy may be read: often only the administrator may."""
    found = sorted(_RAPL.glob(_PACKAGES))
    whole = [zone for zone in found if zone.name.count(":") == 1]
    readable = [zone for zone in whole if os.access(zone / "energy_uj", os.R_OK)]
    return readable if len(readable) == len(whole) else []


def _zone_joules(zone: Path) -> Callable[[], float]:
    return lambda: int((zone / "energy_uj").read_text()) / 1e6


def _zone_wraps(zone: Path) -> float:
    return int((zone / "max_energy_range_uj").read_text()) / 1e6


def _gpu_counter(name: str) -> _Counter | None:
    """The count of a GPU; None without NVIDIA's Python package or on an older GPU."""
    try:
        import pynvml  # noqa: PLC0415  an extra, asked for only where there is a GPU
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        by_number = name.isdigit()
        find = pynvml.nvmlDeviceGetHandleByIndex if by_number else pynvml.nvmlDeviceGetHandleByUUID
        handle = find(int(name) if by_number else name)
        return _Counter(lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3, 0.0)
    except pynvml.NVMLError:
        return None


def _sum(joules: list[float]) -> float | None:
    return round(sum(joules), 1) if joules else None


def _torch(kind: str) -> Any:
    """The torch of this process, where it computes on a GPU."""
    return sys.modules.get("torch") if kind == "cuda" else None


def _processor_s() -> float:
    """Seconds of the processor that this process and its ended children took."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_mb() -> float:
    """Most memory of this process, in units of 10**6 bytes."""
    try:
        line = next(it for it in _STATUS.read_text().splitlines() if it.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
