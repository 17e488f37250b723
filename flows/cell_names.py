"""Cells as a person may name them."""

from pathlib import Path

from hcfres.data.errors import DataError
from hcfres.reporting.frame import read_records
from hcfres.store.workspace import Workspace


def find_cell(start: str, workspace: Workspace, holding: str) -> Path:
    """Find the folder of the one cell whose key begins with `start`.

    Args:
        start: a key or its first characters.
        workspace: whose cells.
        holding: a file that the cell must have; others are not looked at.

    Raises:
        DataError: there is none, or more than one.
    """
    known = sorted(path.parent for path in workspace.cells.glob(f"*/{holding}"))
    found = [folder for folder in known if folder.name.startswith(start)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(folder.name for folder in found or known)
    if found:
        reason, way_out = f"several cells begin with {start!r}", f"Say more of the key: {names}"
    elif known:
        reason, way_out = f"no cell with {holding} begins with {start!r}", f"There are: {names}"
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
        for record in read_records(workspace.cells)
        if (record.method, record.setting) == (method, setting)
    ]
    if not folders:
        raise DataError(
            workspace.cells,
            f"no finished cell of {method} on the setting {setting}",
            f"`make paper` makes one, as does `hcfres train {method} --setting {setting}`",
        )
    return max(folders, key=lambda folder: (folder / "DONE.json").stat().st_mtime_ns)
