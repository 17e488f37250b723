"""metrics.jsonl: one line an epoch, the record from which curves are drawn."""

import json
import os
import resource
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hcfres.data.errors import DataError
from hcfres.store.files import write_atomic

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
    """Appends reports to those of a checkpoint, whose word counts and not the file's."""

    def __init__(self, path: Path, kept: str) -> None:
        """Write the file anew.

        Args:
            path: of the file.
            kept: what the checkpoint holds of it; lines of epochs that will be redone are not.

        Raises:
            StoreError: the disk is full or refuses.
        """
        self._path = path
        self.text = kept
        """What is in the file."""
        self.reports = list(reports_in(path, kept.encode()))
        """Of every epoch so far."""
        write_atomic(path, kept.encode())

    def append(self, report: EpochReport) -> None:
        """Add one line, and see that it is on the disk."""
        line = json.dumps(asdict(report)) + "\n"
        self.reports.append(report)
        self.text += line
        with self._path.open("a") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def read_journal(path: Path) -> tuple[EpochReport, ...]:
    """The reports of a journal in order; none where there is no file.

    A last line that was cut off by a kill is left out.

    Raises:
        DataError: the file is broken.
    """
    if not path.exists():
        return ()
    return tuple(reports_in(path, path.read_bytes()))


def reports_in(path: Path, content: bytes) -> Iterator[EpochReport]:
    """The reports in what a journal holds, or a checkpoint of it.

    Args:
        path: of the file, for messages.
        content: its lines; a last one without an end is left out.

    Raises:
        DataError: it is broken.
    """
    for number, line in enumerate(content.split(b"\n")[:-1], 1):
        try:
            yield EpochReport(**json.loads(line))
        except (ValueError, TypeError):
            way_out = "Remove the folder that it is in, and ask for the cell again"
            raise DataError(path, "not the report of an epoch", way_out, f"line {number}") from None


def peak_memory_mb(device: "torch.device") -> float:
    """Most memory used so far, in units of 10**6 bytes."""
    if device.type == "cuda":
        import torch  # noqa: PLC0415  journals are read without it

        return torch.cuda.max_memory_allocated(device) / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
