"""The grid that nothing happens to: what it comes to, and how long it takes."""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from hcfres.pipeline.versions import code_of_cells
from hcfres.store.files import fresh_hash, write_atomic
from tests.faults.faults import Start
from tests.faults.grid import SETTING, Launcher
from tests.faults.outcome import Outcome, read_outcome

_STARTS: tuple[Start, ...] = ("nothing", "stages")
_NOTE = "undisturbed.json"
_STAGES = ("data", "store")
"""What is there of a workspace when its rooms and stages are made."""


@dataclass(frozen=True)
class Reference:
    """Two undisturbed grids, one from nothing and one from stages, that came to the same."""

    workspace: Path
    """Of the first."""
    outcome: Outcome
    seconds: dict[Start, float]

    def prepare(self, start: Start, workspace: Path) -> None:
        """Put into a workspace what a round begins with."""
        workspace.mkdir(parents=True)
        if start == "stages":
            for name in _STAGES:
                shutil.copytree(self.workspace / name, workspace / name)


def undisturbed(folder: Path) -> Reference:
    """Run the grid without faults, unless the folder has it from this very code and setting.

    Raises:
        RuntimeError: it fails, does not come to the same twice, or to nothing that tells.
    """
    note, workspace = folder / _NOTE, folder / "nothing" / "workspace"
    told = json.loads(note.read_text()) if note.exists() else {}
    made_by = f"{code_of_cells()} {fresh_hash(SETTING)}"
    if told.get("made_by") == made_by:
        return Reference(workspace, telling(read_outcome(workspace)), told["seconds"])
    shutil.rmtree(folder, ignore_errors=True)
    empty = Reference(workspace, read_outcome(workspace), {})
    seconds = {start: _run(start, folder, empty) for start in _STARTS}
    outcomes = [read_outcome(folder / start / "workspace") for start in _STARTS]
    if differences := outcomes[0].differences(outcomes[1]):
        raise RuntimeError(f"two undisturbed grids do not come to the same: {differences}")
    telling(outcomes[0])
    write_atomic(note, json.dumps({"made_by": made_by, "seconds": seconds}).encode())
    return Reference(workspace, outcomes[0], seconds)


def telling(outcome: Outcome) -> Outcome:
    """The outcome.

    Raises:
        RuntimeError: what is mixed up by a fault could look the same.
    """
    if found := outcome.blind_spots():
        reason = f"the undisturbed grid tells too little: {'; '.join(found)}"
        raise RuntimeError(f"{reason}. Change the training or the seed in {SETTING}")
    return outcome


def _run(start: Start, folder: Path, reference: Reference) -> float:
    place = folder / start
    reference.prepare(start, place / "workspace")
    launcher = Launcher(place / "workspace", place / "output.log")
    began = time.monotonic()
    launcher.start()
    if launcher.wait() != 0:
        raise RuntimeError(f"the undisturbed grid fails:\n{launcher.output()}")
    return time.monotonic() - began
