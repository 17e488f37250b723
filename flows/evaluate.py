"""Every accuracy again, from stored predictions alone."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from flows.cells.names import find_cell
from hcfres.evaluation.box_metrics import SAME_OBJECT, BoxMetrics
from hcfres.evaluation.file_scores import score_file
from hcfres.evaluation.groups import GroupMetrics
from hcfres.evaluation.passport import Level
from hcfres.evaluation.prediction_columns import LEVELS
from hcfres.reporting.passports import require_comparable, said
from hcfres.store.workspace import Workspace

_PREDICTIONS = "predictions.parquet"
_SCANREFER = {"st_wo_d": "st_wo_d (unique)", "st_w_d": "st_w_d (multiple)"}


def recompute(source: str, console: Console) -> GroupMetrics | None:
    """Print the scores of each group of expressions, recomputed from masks and boxes.

    Args:
        source: the key of a cell, or its first characters; or a predictions file.
        console: where the tables go.

    Returns:
        The point-level scores; None of a file of boxes.

    Raises:
        DataError: there is no such cell or file, or several cells begin like this.
    """
    path = _file(source)
    found = score_file(path)
    if found.points is not None:
        console.print(_point_table(found.points, path, found.source.dataset))
    if found.boxes is not None and found.distinct_boxes is not None:
        console.print(_box_table(found.boxes, found.distinct_boxes, path))
    for passport in found.source.passports:
        console.print(f"[dim]{passport}[/]", highlight=False, soft_wrap=True)
    return found.points


def compare(sources: list[str], console: Console) -> None:
    """Print several predictions in one table, at the levels all of them have.

    Raises:
        DataError: as `recompute`; or the files' passports differ, and the numbers do not compare.
    """
    scored = {source: score_file(_file(source)) for source in sources}
    levels = set.intersection(*(set(LEVELS[one.source.holds]) for one in scored.values()))
    rows = [
        (source, tuple(p for p in one.source.passports if p.level in levels or not levels))
        for source, one in scored.items()
    ]
    require_comparable(rows, "a comparison")
    counts = {str(one.source.expressions) for one in scored.values()}
    title = f"all {' or '.join(sorted(counts))} expressions"
    table = Table("predictions", "given", title=title, title_justify="left")
    for name in _compared(None, None, levels):
        table.add_column(name, justify="right")
    for source, one in scored.items():
        cells = _compared(one.points, one.boxes, levels).values()
        table.add_row(source, str(one.source.given), *cells)
    console.print(table)
    console.print(f"[dim]in per cent. {said(rows)}[/]", highlight=False, soft_wrap=True)


def _compared(
    points: GroupMetrics | None, boxes: BoxMetrics | None, levels: set[Level]
) -> dict[str, str]:
    """The columns of a comparison and, where there are scores, the cells of a row."""
    found: dict[str, float | None] = {}
    if "point" in levels:
        all_points = points.groups["all"] if points else None
        for header, name in (("Acc@0.25", "acc_25"), ("Acc@0.5", "acc_50"), ("mIoU", "miou")):
            found[header] = getattr(all_points, name, None)
    if "box" in levels:
        all_boxes = boxes.groups["all"] if boxes else None
        for header, name in (("box F1@0.25", "f1_25"), ("box F1@0.5", "f1_50")):
            found[header] = getattr(all_boxes, name, None)
    return {name: "" if value is None else f"{100 * value:.1f}" for name, value in found.items()}


def _file(source: str) -> Path:
    given = Path(source)
    if given.suffix == ".parquet" or given.is_file():
        return given
    return find_cell(source, Workspace(), _PREDICTIONS) / _PREDICTIONS


def _point_table(metrics: GroupMetrics, path: Path, dataset: str) -> Table:
    table = Table(
        "group",
        title=str(path),
        title_justify="left",
        caption="vertices; in per cent; `says nothing`: answered with no such object",
    )
    for name in ("expressions", "Acc@0.25", "Acc@0.5", "mIoU", "says nothing"):
        table.add_column(name, justify="right")
    names = _SCANREFER if dataset == "scanrefer" else {}
    for name, scores in metrics.groups.items():
        if scores.count:
            shares = (scores.acc_25, scores.acc_50, scores.miou, scores.nothing)
            told = (f"{100 * share:.1f}" for share in shares)
            table.add_row(names.get(name, name), str(scores.count), *told)
    return table


def _box_table(every: BoxMetrics, merged: BoxMetrics, path: Path) -> Table:
    """Multi3DRefer's F1 of all boxes, and of those left when each object has one."""
    table = Table(
        "group",
        title=f"Multi3DRefer's box F1, another metric: {path}",
        title_justify="left",
        caption="axis-aligned boxes; in per cent; `distinct`: a box that overlaps a likelier one "
        f"by an IoU of {SAME_OBJECT:g} is dropped",
    )
    for name in ("expressions", "F1@0.25", "F1@0.5", "F1@0.25 distinct", "F1@0.5 distinct"):
        table.add_column(name, justify="right")
    for name, scores in every.groups.items():
        if scores.count:
            other = merged.groups[name]
            shares = (scores.f1_25, scores.f1_50, other.f1_25, other.f1_50)
            table.add_row(name, str(scores.count), *(f"{100 * share:.1f}" for share in shares))
    return table
