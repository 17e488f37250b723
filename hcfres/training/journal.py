"""metrics.jsonl: one line an epoch, the record from which curves are drawn."""

import json
import os
import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class EpochReport:
    """How an epoch went."""

    epoch: int
    """Counted from 0."""
    epochs: int
    """Of the whole training."""
    losses: dict[str, float]
    """Mean over the epoch's steps of the total and of each term."""
    gradient_norm: float
    """Mean over the steps, before clipping."""
    learning_rate: float
    held_out_miou: float | None
    """On the held-out training rooms; None in epochs that were not checked."""
    seconds: float
    """Of the epoch, its check included."""
    memory_mb: float
    """Most memory used so far: of the device if it has its own, else of the process."""
    seconds_left: float
    """Estimated from the epochs of this process."""
    validation_miou: float | None = None
    """Only of a training that was asked for the best epoch on validation, by name."""


class Journal:
    """Appends reports; lines of epochs that will be redone are dropped first."""

    def __init__(self, path: Path, epochs_done: int) -> None:
        self._path = path
        self.reports = [report for report in read_journal(path) if report.epoch < epochs_done]
        """Of every epoch so far."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text("".join(json.dumps(asdict(told)) + "\n" for told in self.reports))
        partial.replace(path)

    def append(self, report: EpochReport) -> None:
        """Add one line, and see that it is on the disk."""
        self.reports.append(report)
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(report)) + "\n")
            file.flush()
            os.fsync(file.fileno())


def read_journal(path: Path) -> tuple[EpochReport, ...]:
    """The reports of a journal in order; none where there is no file.

    A last line that was cut off by a kill is left out.
    """
    if not path.exists():
        return ()
    lines = path.read_text().split("\n")[:-1]
    return tuple(EpochReport(**json.loads(line)) for line in lines)


def peak_memory_mb(device: "torch.device") -> float:
    """Most memory used so far, in units of 10**6 bytes."""
    if device.type == "cuda":
        import torch  # noqa: PLC0415  journals are read without it

        return torch.cuda.max_memory_allocated(device) / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
