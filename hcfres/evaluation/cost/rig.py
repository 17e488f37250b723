"""What measured: the device, how much of it was used, and whether anybody else used it."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from hcfres.model.sparse.choice import choose

BUSY = 0.25
"""Load of a core before a measurement from which on the machine counts as busy."""
_PROCESSORS = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Rig:
    """A device and how it was used."""

    device: str
    """`cpu` or `cuda`."""
    name: str
    """Of the processor or the GPU."""
    cores: int
    threads: int
    """Of torch."""
    load: float
    """Processes that wanted to run, on average over the minute before."""
    precision: str
    torch: str
    convolutions: str
    """The backend of the sparse ones."""

    @property
    def busy(self) -> bool:
        """Whether others ran too: times are then provisional, ratios within a run are not."""
        return self.load > BUSY * self.cores

    @property
    def said(self) -> str:
        """All of it in a line."""
        where = f"{self.name}, {self.threads} of {self.cores} cores"
        return (
            f"{where if self.device == 'cpu' else self.name}, {self.precision}, torch "
            f"{self.torch}, sparse convolutions by {self.convolutions}"
        )


def look_at(device: torch.device, load: float) -> Rig:
    """Say what this process measures on.

    Args:
        load: of the minute before anything was measured.
    """
    cuda = device.type == "cuda"
    tf32 = cuda and torch.backends.cuda.matmul.allow_tf32
    return Rig(
        device=device.type,
        name=torch.cuda.get_device_name(device) if cuda else _processor(),
        cores=len(os.sched_getaffinity(0)),
        threads=torch.get_num_threads(),
        load=round(load, 2),
        precision="float32 with products in TF32" if tf32 else "float32",
        torch=torch.__version__,
        convolutions=choose(device).backend.name,
    )


def _processor() -> str:
    lines = _PROCESSORS.read_text().splitlines() if _PROCESSORS.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
