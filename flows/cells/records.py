"""What the finished cells of a workspace are worth."""

from flows.cells.finished import Look, finished_folders, read_finished
from hcfres.reporting.frame import CellRecord, read_record
from hcfres.store.workspace import Workspace


def read_records(workspace: Workspace, look: Look = read_finished) -> tuple[CellRecord, ...]:
    """Read every cell that is finished and whole, ordered by key.

    A damaged one is no finished cell, whatever it says: it is left out here as a plan calls it
    missing, and costs no other grid its tables.

    Raises:
        DataError: results that are as they were written, and yet cannot be read.
    """
    folders = finished_folders(workspace.cells)
    return tuple(read_record(folder) for folder in folders if look(folder) is not None)
