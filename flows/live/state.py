"""What is known of a grid while it runs: each cell as it stands, and when the last will be done."""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from flows.planning.estimate import makespan

State = Literal["waiting", "training", "validating", "done", "failed", "stopped"]
ACTIVE: tuple[State, ...] = ("training", "validating")


class LiveCell:
    """One cell; the thread that sees to it tells it what happens."""

    def __init__(
        self,
        label: str,
        expected_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        changed: Callable[["LiveCell"], None] = lambda _: None,
    ) -> None:
        self.label = label
        self.state: State = "waiting"
        self.device = ""
        self.epoch: tuple[int, int] | None = None
        """Epochs done, of how many."""
        self.loss: float | None = None
        self.held_out: float | None = None
        """Mean IoU on held-out training spaces, a fraction."""
        self.note = ""
        self._expected_s, self._clock, self._changed = expected_s, clock, changed
        self._began: float | None = None
        self._ended: float | None = None
        self._training: tuple[float, float] | None = None
        """Seconds that the training still took when that was last told, and when that was."""
        self._validating: float | None = None

    def taken(self, device: str) -> None:
        """A worker took the cell."""
        self.device = device
        if self._began is None:
            self._began = self._clock()
        if self.state == "waiting":
            self.state = "training"
        self.note = ""
        self._changed(self)

    def trained(self, report: Mapping[str, Any]) -> None:
        """An epoch is done; `report` is an EpochReport as a dict."""
        self.state = "training"
        self.epoch = report["epoch"] + 1, report["epochs"]
        self.loss = report["losses"]["total"]
        if report["held_out_miou"] is not None:
            self.held_out = report["held_out_miou"]
        self._training = report["seconds_left"], self._clock()
        self._changed(self)

    def validates(self, note: str = "") -> None:
        """The validation split is being answered."""
        if self._validating is None:
            self._validating = self._clock()
        self.state, self.note = "validating", note
        self._changed(self)

    def waits(self, note: str) -> None:
        """It is not at hand now."""
        self.state, self.note = "waiting", note
        self._changed(self)

    def tries_again(self, why: str) -> None:
        """A worker was lost over it; another will go on."""
        self.waits(f"again, after: {why}")

    def ends(self, state: State, note: str = "") -> None:
        """Nothing more happens to it in this invocation."""
        self.state, self.note, self._ended = state, note, self._clock()
        self._changed(self)

    @property
    def elapsed_s(self) -> float | None:
        """Since a worker took it; None before."""
        if self._began is None:
            return None
        return (self._clock() if self._ended is None else self._ended) - self._began

    @property
    def validation_s(self) -> float | None:
        """That its validation took; None while it has not ended well."""
        if self.state != "done" or self._validating is None or self._ended is None:
            return None
        return self._ended - self._validating

    def left_s(self, validation_s: float = 0.0, alike_s: float | None = None) -> float | None:
        """Seconds until it is done; None where nothing tells.

        Args:
            validation_s: that validation takes, after training.
            alike_s: that a whole cell takes, where nothing was measured before the grid began.
        """
        if self.state not in ("waiting", *ACTIVE):
            return 0.0
        if self.state == "validating" and self._validating is not None and validation_s:
            return max(0.0, validation_s - (self._clock() - self._validating))
        if self._training is not None and self.state == "training":
            left, told = self._training
            return max(0.0, left - (self._clock() - told)) + validation_s
        whole = alike_s if self._expected_s is None else self._expected_s
        return None if whole is None else max(0.0, whole - (self.elapsed_s or 0.0))


def grid_left_s(cells: Iterable[LiveCell], workers: int) -> float | None:
    """Seconds until the last cell is done, each waiting one begun by the first free worker.

    Where a cell's own time is not known it counts as the others'. None: no cell tells anything.
    """
    cells = tuple(cells)
    pending = [cell for cell in cells if cell.state in ("waiting", *ACTIVE)]
    left = [cell.left_s(*typical_s(cells)) for cell in pending]
    known = [seconds for seconds in left if seconds is not None]
    if len(known) < len(left):
        return None
    at_work = [cell.state in ACTIVE for cell in pending]
    busy = [seconds for seconds, works in zip(known, at_work, strict=True) if works]
    waiting = (seconds for seconds, works in zip(known, at_work, strict=True) if not works)
    return makespan(waiting, (*busy, *[0.0] * (workers - len(busy))))


def typical_s(cells: Iterable[LiveCell]) -> tuple[float, float | None]:
    """What a validation and a whole cell take, by the cells of this invocation."""
    cells = tuple(cells)
    known = [seconds for cell in cells if (seconds := cell.validation_s) is not None]
    validation_s = statistics.median(known) if known else 0.0
    whole = [
        cell.elapsed_s + left
        for cell in cells
        if cell.state in ("training", "done")
        and cell.elapsed_s is not None
        and (left := cell.left_s(validation_s)) is not None
    ]
    return validation_s, statistics.median(whole) if whole else None
