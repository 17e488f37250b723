"""What computes here, as the system says it."""

import os
import platform
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_CPU = Path("/proc/cpuinfo")
_MEMORY = Path("/proc/meminfo")
_NVIDIA = Path("/proc/driver/nvidia")


@dataclass(frozen=True)
class Hardware:
    """A machine; an empty text or 0 where the system does not say."""

    cpu: str
    cores: int
    """That this process may use."""
    memory_gb: float
    """Of 10**9 bytes."""
    gpus: tuple[str, ...]
    """Models, in the driver's order."""
    driver: str
    """Version of the GPUs' driver."""
    system: str

    def __str__(self) -> str:
        """Name it in a line."""
        gpus = ", ".join(self.gpus) + (f" (driver {self.driver})" if self.driver else "")
        parts = (self.cpu, f"{self.cores} cores", f"{self.memory_gb:.0f} GB", gpus, self.system)
        return ", ".join(part for part in parts if part)


@cache
def hardware() -> Hardware:
    """Ask the system, once a process."""
    information = sorted((_NVIDIA / "gpus").glob("*/information"))
    return Hardware(
        cpu=_said(_CPU, r"^model name\s*:\s*(.+)$") or platform.processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(int(_said(_MEMORY, r"^MemTotal:\s*(\d+) kB") or 0) * 1024 / 1e9, 1),
        gpus=tuple(_said(path, r"^Model:\s*(.+)$") for path in information),
        driver=_said(_NVIDIA / "version", r"NVRM version:.*?\s(\d+\.\d[\d.]*)"),
        system=f"{platform.system()} {platform.release()}, {platform.machine()}",
    )


def _said(path: Path, pattern: str) -> str:
    try:
        found = re.search(pattern, path.read_text(errors="replace"), re.MULTILINE)
    except OSError:
        return ""
    return found[1].strip() if found else ""
