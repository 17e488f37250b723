"""Who sees to a cell: of several launchers on one workspace one at a time, searches included."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from flows.cells.finished import read_finished
from flows.planning.plan import PlannedCell
from hcfres.store.locks import Busy, locked

_LOCK = "training.lock"
"""In the cell's folder; the system frees it when the process that holds it dies."""


class CellTaken(Exception):
    """Another launcher sees to the cell now."""


class CellDone(Exception):
    """Another launcher finished the cell meanwhile."""


@dataclass
class Claim:
    """On a cell that is to be trained and evaluated, made when a worker is free for it.

    A cell that waits for a worker is not claimed, so that launchers with more workers do more.
    """

    planned: PlannedCell
    code: str
    """Fingerprint of the code that would train the cell."""
    _held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _is_held: bool = False

    def make(self) -> None:
        """Hold the cell until the end of the `with` block; nothing where it is held already.

        Raises:
            CellTaken, CellDone: there is nothing to do here.
        """
        if self._is_held:
            return
        try:
            self._held.enter_context(locked(self.planned.folder / _LOCK, wait=False))
        except Busy:
            raise CellTaken from None
        finished = read_finished(self.planned.folder)
        if finished is not None and finished.code == self.code:
            raise CellDone
        self._is_held = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_held = False
        self._held.close()


@contextlib.contextmanager
def claimed(planned: PlannedCell) -> Iterator[None]:
    """Hold a cell, as soon as no other launcher does."""
    with locked(planned.folder / _LOCK):
        yield


def is_claimed(planned: PlannedCell) -> bool:
    """Whether a launcher holds a cell at this moment."""
    try:
        with locked(planned.folder / _LOCK, wait=False):
            return False
    except Busy:
        return True
