"""A plan for people: the shared stages, the cells, and what the rest will take."""

from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.planning.document import CellLine, PlanDocument, StageLine
from hcfres.data.acquisition.space import readable

MOST_LINES = 40
"""Cells that are shown one by one; more are summed up by row."""

_STATES = {
    "done": "[green]done[/]",
    "partial": "[yellow]begun, will go on[/]",
    "missing": "to run",
    "other code": "[yellow]made by other code, will run again[/]",
}
_KEPT = "[yellow]made by other code, kept[/]"


def show(told: PlanDocument, console: Console) -> None:
    """Print what a grid shares, its cells, and an estimate of the rest."""
    if told.stages:
        console.print(_stages(told.stages))
    console.print(_cells(told) if len(told.cells) <= MOST_LINES else _rows(told))
    for line in (*told.remarks, *_warnings(told)):
        console.print(f"[yellow]note:[/] {escape(line)}", highlight=False, soft_wrap=True)
    console.print(_summary(told))


def duration(seconds: float) -> str:
    """Write a time as people do: `40 s`, `12 min`, `3.5 h`, `6.0 days`."""
    for unit, length, most in (("s", 1, 100), ("min", 60, 100), ("h", 3600, 72)):
        if seconds < most * length:
            value = seconds / length
            return f"{value:.1f} {unit}" if unit == "h" and value < 10 else f"{value:.0f} {unit}"
    return f"{seconds / 86400:.1f} days"


def _stages(stages: Iterable[StageLine]) -> Table:
    table = Table(title="what cells share, each computed once", title_justify="left")
    table.add_column("stage")
    for name in ("for cells", "results", "done", "to make", "about"):
        table.add_column(name, justify="right")
    for stage in stages:
        doubts = (
            f"[yellow]{stage.unsure} unsure[/]" if stage.unsure else "",
            f"[red]{stage.stopped} of other code[/]" if stage.stopped else "",
        )
        missing = ", ".join([str(stage.missing) if stage.missing else "", *doubts]).strip(", ")
        about = duration(stage.missing * stage.seconds) if stage.missing and stage.seconds else ""
        counts = (stage.cells, stage.results, stage.done)
        table.add_row(stage.stage, *(f"{count:,}" for count in counts), missing, about)
    return table


def _cells(told: PlanDocument) -> Table:
    table = Table("row", "method", "seed", "key", "state", title=_title(told), title_justify="left")
    for cell in told.cells:
        table.add_row(
            cell.row, escape(cell.method_title), str(cell.seed), cell.key[:12], _state(cell)
        )
    return table


def _rows(told: PlanDocument) -> Table:
    table = Table("row", "method", "seeds", "states", title=_title(told), title_justify="left")
    of_row: dict[str, list[CellLine]] = {}
    for cell in told.cells:
        of_row.setdefault(cell.row, []).append(cell)
    for row, cells in of_row.items():
        states = Counter(_KEPT if cell.accepted else _STATES[cell.state] for cell in cells)
        counted = ", ".join(f"{count:,} {state}" for state, count in states.items())
        table.add_row(row, escape(cells[0].method_title), f"{len(cells):,}", counted)
    return table


def _title(told: PlanDocument) -> str:
    return f"{escape(told.title)} on {escape(told.setting_title)}"


def _state(cell: CellLine) -> str:
    state = _KEPT if cell.accepted else _STATES[cell.state]
    if cell.state == "done" and cell.seconds is not None:
        return f"{state} in {cell.seconds:.0f} s"
    return state if cell.seconds_left is None else f"{state}, about {duration(cell.seconds_left)}"


def _warnings(told: PlanDocument) -> Iterable[str]:
    stopped = [stage.stage for stage in told.stages if stage.stopped]
    if stopped:
        yield (
            f"expensive results of {', '.join(stopped)} were made by other code, and the run stops "
            "there: --accept-code keeps them, a raised version makes them anew"
        )
    if any(stage.unsure for stage in told.stages):
        yield (
            "unsure: results are there, but the scans they are of were not read yet or have "
            "changed since; a run reads them, and makes anew what no longer fits"
        )
    if told.disk.fits is False:
        yield (
            f"the disk of the workspace has {readable(told.disk.free)} free, and about "
            f"{readable(told.estimate.size or 0)} will be written: free some space, or set "
            "HCFRES_HOME to a folder on another disk"
        )


def _summary(told: PlanDocument) -> str:
    if not told.todo:
        return f"all {len(told.cells):,} cells are done; nothing to run"
    return f"{told.todo:,} of {len(told.cells):,} cells to run: {_about(told)}"


def _about(told: PlanDocument) -> str:
    found = told.estimate
    if found.wall_s is None or found.device_s is None or found.size is None:
        return "nothing of this setting was measured here yet, so no estimate"
    hours = duration(found.device_s)
    least = "at least " if found.not_counted else "about "
    workers = f"{found.workers} {'GPUs' if found.device == 'cuda' else 'workers'}"
    without = f"; not counted: {', '.join(found.not_counted)}" if found.not_counted else ""
    return (
        f"{least}{duration(found.wall_s)} on {workers} ({hours} of one device), "
        f"{readable(found.size)} of {readable(told.disk.free)} free, going by what was measured "
        f"here{without}"
    )
