"""Cells as a person may name them."""

import json
from dataclasses import dataclass
from pathlib import Path

from flows.cells.records import read_records
from hcfres.data.errors import DataError
from hcfres.store.workspace import Workspace

_SHOWN = 20
"""Cells that a message names."""


@dataclass(frozen=True)
class Standing:
    """A cell's place in a grid."""

    grid: str
    """Name of the grid's folder."""
    experiment: str
    setting: str
    row: str
    seed: int
    key: str

    @property
    def labels(self) -> tuple[str, ...]:
        """What a person may call the cell: `vsd`, `vsd, seed 1`, `table3_ablation/vsd`, ..."""
        short = (self.row, f"{self.row}, seed {self.seed}")
        return (*short, *(f"{self.experiment}/{label}" for label in short))

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.row}, seed {self.seed}, of {self.experiment} on {self.setting}"


def standings(workspace: Workspace) -> tuple[Standing, ...]:
    """Where every planned cell stands, by the grids' plan.json; a broken plan is passed over."""
    found: list[Standing] = []
    for path in sorted(workspace.grids.glob("*/plan.json")):
        try:
            told = json.loads(path.read_text())
            named = path.parent.name, told["experiment"], told["setting"]
            found += [Standing(*named, c["row"], int(c["seed"]), c["key"]) for c in told["cells"]]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return tuple(found)


def find_cell(start: str, workspace: Workspace, holding: str) -> Path:
    """Find the folder of the one cell whose key begins with `start`, or that a grid calls so.

    Args:
        start: a key or its first characters; or a row, as a plan shows it, with or without
            `, seed 1` behind it and `table3_ablation/` before it.
        workspace: whose cells.
        holding: a file that the cell must have; others are not looked at.

    Raises:
        DataError: there is none, or more than one.
    """
    known = sorted(path.parent for path in workspace.cells.glob(f"*/{holding}"))
    found = [folder for folder in known if folder.name.startswith(start)]
    standing = standings(workspace) if len(found) != 1 else ()
    how = "begin with" if found else "are called"
    if not found:
        keys = {one.key for one in standing if start in one.labels}
        found = [folder for folder in known if folder.name in keys]
    if len(found) == 1:
        return found[0]
    names = _named(found or known, standing)
    if found:
        reason, way_out = f"several cells {how} {start!r}", f"Say more of the key: {names}"
    elif known:
        reason = f"no cell with {holding} begins with {start!r} or is called so"
        way_out = f"There are: {names}"
    else:
        reason, way_out = f"no cell has {holding} yet", "`make paper` makes them"
    raise DataError(workspace.cells, reason, way_out)


def newest_cell(method: str, setting: str, workspace: Workspace) -> Path:
    """Find the folder of the cell of a method and a setting that was finished last.

    Raises:
        DataError: there is none.
    """
    folders = [
        workspace.cells / record.key
        for record in read_records(workspace)
        if (record.method, record.setting) == (method, setting)
    ]
    if not folders:
        raise DataError(
            workspace.cells,
            f"no finished cell of {method} on the setting {setting}",
            f"`make paper` makes one, as does `hcfres train {method} --setting {setting}`",
        )
    return max(folders, key=lambda folder: (folder / "DONE.json").stat().st_mtime_ns)


def _named(folders: list[Path], standing: tuple[Standing, ...]) -> str:
    """The keys, each with the place it has in a grid."""
    of_key = {one.key: f" ({one})" for one in standing}
    told = [folder.name + of_key.get(folder.name, "") for folder in folders[:_SHOWN]]
    more = f", and {len(folders) - _SHOWN} more" if len(folders) > _SHOWN else ""
    return ", ".join(told) + more
