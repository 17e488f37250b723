"""What a cell asks of its machine over time, under the names that MLflow has for it."""

import time
from collections.abc import Callable

from flows.tracking.tracked_run import TrackedRun
from flows.workers.beats import Beat

PREFIX = "system/"
"""MLflow shows these on a page of their own."""
_LEAST_S = 10.0
_SHARE = 0.01


class SystemMetrics:
    """Logs signs of life now and then: the longer a cell runs, the less often.

    A hundredth of the time so far lies between two, and ten seconds at least (decision 151).
    """

    def __init__(self, run: TrackedRun, clock: Callable[[], float] = time.monotonic) -> None:
        self._run, self._clock = run, clock
        self._began = self._logged = clock()
        self._step: int | None = None

    def __call__(self, beat: Beat) -> None:
        """Log a beat, if it is time."""
        now = self._clock()
        if not beat.system or now - self._logged < max(_LEAST_S, _SHARE * (now - self._began)):
            return
        self._logged = now
        values = {PREFIX + name: value for name, value in beat.system.items()}
        if self._step is None:
            self._step = self._run.last_step(next(iter(values)))
        self._step += 1
        self._run.metrics(values, self._step, int(time.time() * 1000))
