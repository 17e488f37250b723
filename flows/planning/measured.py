"""What the finished cells of a workspace took: the only ground of an estimate."""

import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flows.cells.finished import Look, finished_folders, read_finished
from hcfres.store.workspace import Workspace

_WEIGHED = 20
"""Cells whose bytes are counted, of those that are alike."""


@dataclass(frozen=True)
class MeasuredCell:
    """One finished cell."""

    folder: Path
    setting: str
    method: str
    kind: str
    """Of device, `cpu` or `cuda`: what one took says nothing of the other."""
    seconds: float


@dataclass(frozen=True)
class Typical:
    """What a cell of a kind takes, by those that were measured."""

    seconds: float
    """Median, of training and evaluation."""
    size: int
    """Median bytes, MLflow's copy included."""
    cells: int
    """How many were measured."""
    same_method: bool
    """False: cells of other methods in the same setting."""


def measured_cells(workspace: Workspace, look: Look = read_finished) -> tuple[MeasuredCell, ...]:
    """Every finished cell of a workspace."""
    found = []
    for folder in finished_folders(workspace.cells):
        if (told := look(folder)) is not None:
            cell = MeasuredCell(folder, told.setting, told.method, told.kind, told.seconds)
            found.append(cell)
    return tuple(found)


def typical(
    cells: Iterable[MeasuredCell], setting: str, method: str, kind: str, workspace: Workspace
) -> Typical | None:
    """What a cell of a setting and method takes on a kind of device.

    Goes by cells of this method; where there are none, by the setting's. None: nothing like it was
    measured.
    """
    alike = [cell for cell in cells if (cell.setting, cell.kind) == (setting, kind)]
    same = [cell for cell in alike if cell.method == method]
    chosen = same or alike
    if not chosen:
        return None
    sizes = [_size(cell.folder, workspace) for cell in chosen[-_WEIGHED:]]
    seconds = statistics.median(cell.seconds for cell in chosen)
    return Typical(seconds, int(statistics.median(sizes)), len(chosen), bool(same))


def _size(folder: Path, workspace: Workspace) -> int:
    """Bytes of a cell's folder and of the copies that MLflow keeps."""
    size = tree_size(folder)
    try:
        run = str(json.loads((folder / "mlflow.json").read_text())["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return size
    return size + (tree_size(workspace.root / "mlartifacts" / run) if run.isalnum() else 0)


def tree_size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
