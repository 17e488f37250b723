"""All that a round's faults can reach, and what was noticed meanwhile."""

import contextlib
import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.faults.clocks import Clock
from tests.faults.disks import Disk
from tests.faults.faults import Moment
from tests.faults.grid import Launcher
from tests.faults.stores import Store
from tests.faults.victims import catches, left_after, processes_of, told

_LOOK_EVERY_S = 0.02
_MOST_STARTS = 12
_TO_END_S = 5.0
"""For the processes of a launcher that is gone; also until Ctrl-C gives the prompt back."""
_AT_ONCE_S = 0.2
_INTERRUPTED = 130
_NOT_BEGUN = 1
"""What Python itself ends with where Ctrl-C meets it before it has begun our program."""


@dataclass
class Ground:
    """A running grid and its surroundings."""

    launcher: Launcher
    store: Store
    disk: Disk
    clock: Clock | None
    undisturbed_s: float
    violations: list[str] = field(default_factory=list)
    healed: Counter[str] = field(default_factory=Counter)
    """How often each finished cell was damaged so that it has to be evaluated once more."""
    retrained: Counter[str] = field(default_factory=Counter)
    """How often each cell was damaged so that it has to be trained anew."""
    codes: list[int] = field(default_factory=list)
    """With which launchers ended, by themselves or not."""
    _doomed: list[psutil.Process] = field(default_factory=list)

    @property
    def workspace(self) -> Path:
        """Of the grid."""
        return self.launcher.workspace

    def reaches(self, moment: Moment) -> bool:
        """Wait for a moment; false where the grid is done before. A launcher that ended with
        something not done is started anew meanwhile."""
        seen: dict[Path, int] | None = None
        while self.goes_on():
            if self.launcher.running_s >= moment.share * self.undisturbed_s:
                now = self._look(moment)
                if not moment.upon or (seen is not None and now != seen):
                    time.sleep(moment.jitter_s)
                    return self.goes_on()
                seen = now if seen is None else seen
            time.sleep(_LOOK_EVERY_S)
        return False

    def goes_on(self) -> bool:
        """Whether there is a launcher, after one that failed was replaced."""
        if self.launcher.runs:
            self.launcher.require_alive()
            return True
        if self.launcher.process is not None:
            self.codes.append(self.launcher.wait())
        if self.codes and self.codes[-1] == 0:
            return False
        if self.launcher.starts >= _MOST_STARTS:
            self.violations.append(f"{_MOST_STARTS} launchers ended one after the other")
            return False
        self.launcher.start()
        return True

    def interrupt(self, how: signal.Signals) -> str | None:
        """Let the user, or the system, end the launcher in order; what happened."""
        found = processes_of(self.workspace)
        began = time.monotonic()
        caught = catches(self.launcher.pid, signal.SIGTERM)  # SIGINT is Python's from the start
        send = os.killpg if how == signal.SIGINT else os.kill  # a terminal tells all of its group
        with contextlib.suppress(ProcessLookupError):
            send(self.launcher.pid, how)
        code = self.launcher.wait()
        seconds = time.monotonic() - began
        self.codes.append(code)
        if code == 0:
            return None  # it was at its end
        left = left_after(found, _AT_ONCE_S)
        if seconds > _TO_END_S:
            self.violations.append(f"{how.name}: the prompt was back after {seconds:.1f} s")
        if code != _INTERRUPTED and (caught or code not in (-how, _NOT_BEGUN)):
            self.violations.append(
                f"{how.name}: exit code {code}\n{self.launcher.output()[-2000:]}"
            )
        if left:
            self.violations.append(f"{how.name}: left behind: {told(left)}")
        return f"prompt after {seconds:.1f} s"

    def kill(self, patiently: bool) -> str:
        """Kill the launcher alone; the others are to end by themselves.

        Args:
            patiently: return when they have; else at once, and they are looked at later.
        """
        others = [one for one in processes_of(self.workspace) if one.pid != self.launcher.pid]
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.launcher.pid, signal.SIGKILL)
        self.codes.append(self.launcher.wait())
        self._doomed += others
        if not patiently:
            return "started anew at once"
        if left := left_after(others, _TO_END_S):
            self.violations.append(f"{_TO_END_S:.0f} s after a kill there still are: {told(left)}")
        return "started anew when the rest had ended"

    def orphans(self) -> list[psutil.Process]:
        """Processes that outlive their launcher."""
        return left_after(self._doomed, _TO_END_S)

    def _look(self, moment: Moment) -> dict[Path, int]:
        found: dict[Path, int] = {}
        for pattern in moment.patterns:
            for path in self.workspace.glob(pattern):
                try:
                    found[path] = path.stat().st_mtime_ns
                except FileNotFoundError:
                    continue
        return found
