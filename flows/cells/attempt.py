"""What this launcher does for one cell: begun when a worker takes it, and then shown and logged."""

from collections.abc import Callable
from dataclasses import dataclass, field

from flows.cells.failed import forget_failure
from flows.live.state import LiveCell
from flows.planning.plan import PlannedCell
from flows.session import Session
from flows.tracking.logbook import CellLog
from flows.workers.beats import Beat


def _ignore() -> None:
    """Claim nothing."""


@dataclass
class Attempt:
    """One cell in the hands of this launcher."""

    planned: PlannedCell
    session: Session
    code: str
    """Fingerprint of the code that trains it."""
    claim: Callable[[], None] = _ignore
    """Called when a worker is free for the cell; what it raises, its caller is told."""

    _log: CellLog | None = field(default=None, init=False)

    @property
    def log(self) -> CellLog:
        """The cell's run, opened when the cell is begun, not while it waits."""
        if self._log is None:
            self._log = self._open()
        return self._log

    def _open(self) -> CellLog:
        return CellLog(self.planned, self.session.tracker, self.session.grid, self.code)

    @property
    def live(self) -> LiveCell:
        """The cell as the board shows it."""
        return self.session.board.cell(self.planned.key, self.planned.label)

    def taken(self, device: str) -> None:
        """A worker took the cell, for the first time or again."""
        self.claim()
        if self._log is None:
            forget_failure(self.planned.folder)
            self._log = self._open()
        self.live.taken(device)

    def beat(self, beat: Beat) -> None:
        """Its worker gave a sign of life."""
        self.log.alive(beat)

    def interrupt(self) -> None:
        """Everything ends; the run goes on when the cell does."""
        if self._log is not None:
            self._log.interrupt()
        self.live.ends("stopped")
