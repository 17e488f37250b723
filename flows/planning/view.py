"""A plan for people: the shared stages, the cells, and what the rest will take."""

from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.planning.document import CellLine, PlanDocument, StageLine
from flows.planning.estimate import Disk, Estimate
from hcfres.data.acquisition.space import readable
from hcfres.pipeline.stage_count import StageCount

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
    for line in (*told.remarks, *warnings(told.stages, told.estimate, told.disk)):
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
        table.add_row(stage.stage, f"{stage.cells:,}", *stage_counts(stage))
    return table


def stage_counts(stage: StageCount) -> tuple[str, str, str, str]:
    """Write a stage's results, those done, those to make, and how long these take."""
    doubts = (
        f"[yellow]{stage.unsure:,} unsure[/]" if stage.unsure else "",
        f"[red]{stage.stopped:,} of other code[/]" if stage.stopped else "",
    )
    missing = f"{stage.missing:,}" if stage.missing else ""
    about = duration(stage.missing * stage.seconds) if stage.missing and stage.seconds else ""
    to_make = ", ".join(filter(None, (missing, *doubts)))
    return f"{stage.results:,}", f"{stage.done:,}", to_make, about


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


def warnings(stages: Iterable[StageCount], expected: Estimate, disk: Disk) -> Iterable[str]:
    """Say what may stop a run, or make it longer than it looks."""
    stages = tuple(stages)
    if stopped := [stage.stage for stage in stages if stage.stopped]:
        yield (
            f"expensive results of {', '.join(stopped)} were made by other code, and the run stops "
            "there: --accept-code keeps them, a raised version makes them anew"
        )
    if any(stage.unsure for stage in stages):
        yield (
            "unsure: results are there, but the scans they are of were not read yet or have "
            "changed since; a run reads them, and makes anew what no longer fits"
        )
    if disk.fits is False:
        yield (
            f"the disk of the workspace has {readable(disk.free)} free, and about "
            f"{readable(expected.size or 0)} will be written: free some space, or set "
            "HCFRES_HOME to a folder on another disk"
        )


def _summary(told: PlanDocument) -> str:
    if not told.todo:
        return f"all {len(told.cells):,} cells are done; nothing to run"
    return f"{told.todo:,} of {len(told.cells):,} cells to run: {about(told.estimate, told.disk)}"


def about(found: Estimate, disk: Disk, whole: str = "about ", partial: str = "at least ") -> str:
    """Write an estimate.

    Args:
        whole: said before the time where everything was counted.
        partial: where something was not.
    """
    if found.wall_s is None or found.device_s is None or found.size is None:
        return "nothing of this setting was measured here yet, so no estimate"
    hours, some = duration(found.device_s), found.not_counted
    workers = f"{found.workers} {'GPUs' if found.device == 'cuda' else 'workers'}"
    without = f"; not counted: {', '.join(some)}" if some else ""
    return (
        f"{partial if some else whole}{duration(found.wall_s)} on {workers} "
        f"({hours} of one device), {readable(found.size)} of {readable(disk.free)} free, going by "
        f"what was measured here{without}"
    )
