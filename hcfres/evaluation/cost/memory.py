"""How much memory a piece of work takes: of a GPU what torch gave out, else the resident set."""

import ctypes
import gc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"
"""What Linux wants to read to set VmHWM back to VmRSS."""


@dataclass(frozen=True)
class Memory:
    """In MB of 10^6 bytes."""

    before_mb: float
    """Held before any work: network, text encoder and scene; of a process its libraries too."""
    peak_mb: float
    """The most that was held during the work."""

    @property
    def growth_mb(self) -> float:
        """What the work needed beside what was there."""
        return self.peak_mb - self.before_mb


class Gauge:
    """Reads peaks on one device, against what is held when it is made."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        _give_back_what_nobody_holds()
        self._before = self._held()

    def memory_of(self, work: Callable[[], object]) -> Memory | None:
        """Do `work` and say what it took; None on a system that does not tell (not Linux)."""
        known = self._forget_peak()
        work()
        if not known or self._before is None:
            return None
        return Memory(self._before, self._peak())

    def _held(self) -> float | None:
        if self._device.type == "cuda":
            return torch.cuda.memory_allocated(self._device) / 1e6
        return _resident_mb("VmRSS") if _STATUS.exists() else None

    def _forget_peak(self) -> bool:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return True
        try:
            _CLEAR.write_text(_FORGET_PEAK)
        except OSError:
            return False
        return True

    def _peak(self) -> float:
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 1e6
        return _resident_mb("VmHWM")


def _give_back_what_nobody_holds() -> None:
    """To the system: what is left in the heap would make room for the work and hide its peak."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl and macOS do not
    if trim is not None:
        trim(0)


def _resident_mb(name: str) -> float:
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6
