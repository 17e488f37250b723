"""The grid that faults come over: the command as a person types it, in a workspace of its own."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from flows.places import ROOT
from flows.tracking.store import ARTEFACTS, TRACKING
from tests.faults.victims import left_after, processes_of

SETTING = Path(__file__).with_name("faults.toml")
COMMAND = (sys.executable, "-u", "-m", "flows.cli", "reproduce", "table2_multi3drefer")
MOST_S = 400.0
"""A grid that takes longer hangs."""
_OWN = ("PREFECT_", "HCFRES_", "MLFLOW_")
"""Of variables that a caller's environment may have for other work."""


class Hangs(AssertionError):
    """A launcher did not end."""


@dataclass
class Launcher:
    """The command in a workspace; started again when something has ended it."""

    workspace: Path
    log: Path
    tracking: str = ""
    more: dict[str, str] = field(default_factory=dict)
    """Of its environment."""
    spent_s: float = 0.0
    """While launchers ran, but for the present one."""
    starts: int = 0
    process: subprocess.Popen[bytes] | None = None
    _began: float = 0.0

    @property
    def runs(self) -> bool:
        """Whether one is there."""
        return self.process is not None and self.process.poll() is None

    @property
    def running_s(self) -> float:
        """How long launchers ran by now, taken together."""
        return self.spent_s + (time.monotonic() - self._began if self.process else 0.0)

    @property
    def pid(self) -> int:
        """Of the present one."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start one, as the leader of a group of processes, as a shell does."""
        self.starts += 1
        with self.log.open("ab") as log:
            log.write(f"\n--- start {self.starts}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                [*COMMAND, "--setting", str(SETTING)],
                env=self._environment(),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._began = time.monotonic()

    def wait(self, seconds: float = MOST_S) -> int:
        """Wait for the present one's end, and give its exit code.

        Raises:
            Hangs: it did not end; it was killed.
        """
        assert self.process is not None
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            end_all(self.workspace)
            lasted = time.monotonic() - self._began
            raise Hangs(f"launcher {self.starts} still ran after {lasted:.0f} s") from None
        finally:
            self.spent_s, self._began = self.running_s, time.monotonic()
        self.process = None
        return code

    def require_alive(self) -> None:
        """Refuse to wait for a launcher that takes too long; raises `Hangs`, as `wait`."""
        if time.monotonic() - self._began > MOST_S:
            self.wait(0.0)

    def output(self) -> str:
        """What the last one wrote."""
        return self.log.read_text(errors="replace").rpartition("--- start ")[2]

    def _environment(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(_OWN)}
        own = {
            "HCFRES_HOME": str(self.workspace),
            "HCFRES_WORKERS": "2",
            "HCFRES_DEVICE": "cpu",
            "HCFRES_SPARSE_CONVOLUTION": "plain",  # sooner there than the other
            "OMP_NUM_THREADS": "1",
        }
        shared = {TRACKING: self.tracking} if self.tracking else {}
        if self.tracking.startswith("postgresql"):
            shared[ARTEFACTS] = str(self.workspace.parent / "artefacts")
        return kept | own | shared | self.more


def end_all(workspace: Path) -> None:
    """Kill whatever works on a workspace."""
    found = processes_of(workspace)
    for process in found:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    left_after(found, 10.0)
