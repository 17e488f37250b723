"""When a worker counts as hung: it shows no life, or goes on living without getting anywhere."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from flows.workers.beats import Beat

_SOME_WORK_S = 0.5
"""Less is what waiting itself takes."""
_LONGEST_STEP_S = 2.0
"""More between two looks at the clock means that we were stopped, or busy, ourselves."""


@dataclass(frozen=True)
class Patience:
    """How long a worker may show nothing new (decision 145); a result never depends on it."""

    silent_s: float = 120.0
    """Without a beat: the process was stopped, or something in it keeps all its threads waiting."""
    still_s: float = 600.0
    """With beats, but in the same place all along and without work, as in a deadlock; waiting for
    another process does not count."""
    least_s: float = math.inf
    factor: float = 20.0
    """After an event the next may take `factor` times the median of those before, and `least_s` in
    any case. Nothing is known of the first, and so it may take as long as it gets on."""


PATIENCE = Patience()
BY_EPOCHS = Patience(least_s=600.0)
"""For a job whose events are steps of one kind."""


class HungError(Exception):
    """A worker's patience is at its end; the message says with what."""


class Vigil:
    """Watches one job; time in which this process itself stood still does not count."""

    def __init__(
        self, patience: Patience = PATIENCE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience, self._clock = patience, clock
        self._looked = clock()
        self._silent = self._still = self._eventless = 0.0
        self._where: tuple[str, ...] = ()
        self._worked = 0.0
        self._gaps: list[float] = []

    def beat(self, beat: Beat) -> None:
        """Take a sign of life."""
        self._silent = 0.0
        if beat.waits:
            self._still = self._eventless = 0.0
        elif beat.where != self._where or beat.worked_s - self._worked > _SOME_WORK_S:
            self._still, self._where, self._worked = 0.0, beat.where, beat.worked_s

    def event(self) -> None:
        """Take a sign of progress."""
        self._gaps.append(self._eventless)
        self._silent = self._still = self._eventless = 0.0

    def look(self) -> None:
        """Let time pass.

        Raises:
            HungError: too much of it passed.
        """
        now = self._clock()
        passed, self._looked = min(now - self._looked, _LONGEST_STEP_S), now
        self._silent += passed
        self._still += passed
        self._eventless += passed
        if self._silent > self._patience.silent_s:
            raise HungError(f"no sign of life for {self._silent:.0f} s: the process stands still")
        if self._still > self._patience.still_s:
            place = self._where[-1] if self._where else "an unknown place"
            raise HungError(f"idle in the same place for {self._still:.0f} s: {place}")
        if self._gaps and self._eventless > (limit := self._limit()):
            typical = statistics.median(self._gaps)
            raise HungError(
                f"no progress for {limit:.0f} s, where a step took {typical:.1f} s before"
            )

    def _limit(self) -> float:
        return max(self._patience.least_s, self._patience.factor * statistics.median(self._gaps))
