"""Every accuracy again, from stored predictions alone."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from hcfres.data.errors import DataError
from hcfres.evaluation.groups import GroupMetrics
from hcfres.evaluation.recompute import evaluate_file
from hcfres.store.workspace import Workspace

_PREDICTIONS = "predictions.parquet"


def recompute(source: str, console: Console) -> GroupMetrics:
    """Print the accuracies of each group of expressions, recomputed from the masks.

    Args:
        source: the key of a cell, or its first characters; or a predictions file.
        console: where the table goes.

    Raises:
        DataError: there is no such cell or file, or several cells begin like this.
    """
    path = find_predictions(source, Workspace())
    metrics = evaluate_file(path)
    table = Table("group", title=str(path), title_justify="left")
    for name in ("expressions", "Acc@0.25", "Acc@0.5", "mIoU", "says nothing"):
        table.add_column(name, justify="right")
    for name, scores in metrics.groups.items():
        if scores.count:
            shares = (scores.acc_25, scores.acc_50, scores.miou, scores.nothing)
            told = (f"{100 * share:.1f}" for share in shares)
            table.add_row(name, str(scores.count), *told, end_section=name == "st")
    console.print(table)
    return metrics


def find_predictions(source: str, workspace: Workspace) -> Path:
    """Find the predictions that a person means.

    Raises:
        DataError: nothing is found, or more than one cell.
    """
    if (given := Path(source)).suffix == ".parquet" or given.is_file():
        return given
    known = sorted(path.parent for path in workspace.cells.glob(f"*/{_PREDICTIONS}"))
    found = [folder for folder in known if folder.name.startswith(source)]
    if len(found) == 1:
        return found[0] / _PREDICTIONS
    names = ", ".join(folder.name for folder in found or known)
    if found:
        reason, way_out = f"several cells begin with {source!r}", f"Say more of the key: {names}"
    elif known:
        reason, way_out = f"no evaluated cell begins with {source!r}", f"There are: {names}"
    else:
        reason, way_out = "no cell was evaluated yet", "`make paper` makes them"
    raise DataError(workspace.cells, reason, way_out)
