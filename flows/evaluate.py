"""Every accuracy again, from stored predictions alone."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from flows.cell_names import find_cell
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
    given = Path(source)
    named = given.suffix == ".parquet" or given.is_file()
    path = given if named else find_cell(source, Workspace(), _PREDICTIONS) / _PREDICTIONS
    metrics = evaluate_file(path)
    table = Table("group", title=str(path), title_justify="left")
    for name in ("expressions", "Acc@0.25", "Acc@0.5", "mIoU", "says nothing"):
        table.add_column(name, justify="right")
    for name, scores in metrics.groups.items():
        if scores.count:
            shares = (scores.acc_25, scores.acc_50, scores.miou, scores.nothing)
            told = (f"{100 * share:.1f}" for share in shares)
            table.add_row(name, str(scores.count), *told)
    console.print(table)
    console.print("shares in per cent; `says nothing`: answered with no such object")
    return metrics
