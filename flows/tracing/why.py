"""`hcfres why`: where a number came from, for people or as JSON."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.cells.names import find_cell
from flows.planning.view import duration
from flows.tracing.origin import Origin, Part
from flows.tracing.stages import EntryLine, StageLine
from flows.tracing.trace import Look, Thing, Trace, trace
from hcfres.store.workspace import Workspace

_PATHS = 6
"""Files that are listed one by one."""
_MARKS: dict[Look, str] = {
    "as then": "[green]as then[/]",
    "changed": "[red]changed[/]",
    "missing": "[red]missing[/]",
    "not recorded": "[yellow]not recorded[/]",
}


def explain(
    cell: str, metric: str | None, scene: str | None, as_json: bool, console: Console
) -> Trace:
    """Print where a cell's number came from.

    Args:
        cell: its key or the beginning of it, or a row of a table.
        metric: as results.json names it; None for the first that a table shows.
        scene: whose results are followed down to the files.
        as_json: print JSON and nothing else.
        console: where it is printed.

    Raises:
        DataError: there is no such cell, metric or scene.
    """
    workspace = Workspace()
    folder = find_cell(cell, workspace, "cell.json")
    found = trace(folder, workspace, metric, scene)
    if as_json:
        console.file.write(json.dumps(asdict(found), indent=1) + "\n")
    else:
        _show(found, console)
    return found


def _show(found: Trace, console: Console) -> None:
    for line in _lines(found):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(_things("files, each read and hashed", found.files))
    console.print(_things("what it was made from", (*found.weights, found.data)))
    if found.stages:
        console.print(_stages(found.stages))
    else:
        console.print("[yellow]which results of stages it read was not kept[/]")
    if found.scene:
        for line in _entries(found.scene):
            console.print(line, highlight=False, soft_wrap=True)
    elif found.stages:
        example = next(iter(found.stages[0].entries))
        console.print(f"one scene down to its files: hcfres why {found.key} --scene {example}")
    if found.recompute:
        console.print(f"the accuracies again, from the predictions: {found.recompute}")
    console.print(f"against another cell: hcfres diff {found.key} OTHER")


def _lines(found: Trace) -> Iterator[str]:
    yield f"[bold]{escape(found.metric)} = {found.value:.6g}[/]"
    yield f"  of       cell {found.key}: {found.method} on {found.setting}, seed {found.seed}"
    yield f"  at       {escape(found.folder)}"
    passport = escape(str(found.passport)) if found.passport else "none"
    yield f"  passport {passport}"
    for one in found.grids or ("none that is kept",):
        yield f"  stands   in {escape(str(one))}"
    same = "the present code" if found.same_code else "[yellow]other code than the present[/]"
    yield f"  code     {found.code}: {same}"
    if found.origin is None:
        yield "  origin   [yellow]not recorded: it was made before it was[/]"
        return
    yield from _origin(found.origin, found.folder)


def _origin(origin: Origin, folder: str) -> Iterator[str]:
    for part in origin.parts:
        yield from _part(part)
    totals = {name: origin.total(name) for name in vars(origin.last.spent)}
    wall, device = (duration(totals[name] or 0.0) for name in ("wall_s", "device_s"))
    memory = f"{(totals['memory_mb'] or 0) / 1000:.1f} GB"
    if totals["gpu_memory_mb"] is not None:
        memory += f", {totals['gpu_memory_mb'] / 1000:.1f} GB of the GPU"
    yield f"  took     {wall} ({device} of the device), at most {memory} of memory"
    yield f"  energy   {_joules(totals)}"
    last = origin.last
    texts = f"packages-{last.packages}.txt"
    if last.uncommitted:
        texts += f" and uncommitted-{last.uncommitted}.diff"
    yield f"  beside   {texts} in its folder"


def _part(part: Part) -> Iterator[str]:
    state = "" if part.ended else " [yellow](stopped)[/]"
    tree = (
        f"[yellow]with uncommitted changes {part.uncommitted}[/]" if part.uncommitted else "clean"
    )
    commit = f"commit {part.commit[:12]}, {tree}" if part.commit else "not a git checkout"
    yield f"  {part.job:<8} {part.began}{state}, {commit}, packages {part.packages}"
    yield f"           {escape(part.command)}"
    convolution = part.sparse_convolution or "not known"
    together = f" and {part.processes - 1} more processes" if part.processes > 1 else ""
    yield (
        f"           on {part.device}{together}: {part.hardware}; "
        f"sparse convolution by {convolution}"
    )


def _joules(totals: dict[str, float | None]) -> str:
    named = {"processors": totals["cpu_joules"], "GPU": totals["gpu_joules"]}
    told = [f"{name} {value / 3600:.2f} Wh" for name, value in named.items() if value is not None]
    return ", ".join(told) or "not readable on this machine"


def _things(title: str, things: Iterable[Thing]) -> Table:
    table = Table("", "now", "hash", title=title, title_justify="left")
    table.add_column("where", overflow="fold")
    for one in things:
        table.add_row(escape(one.name), _MARKS[one.look], one.identity[:16], escape(one.path))
    return table


def _stages(stages: Iterable[StageLine]) -> Table:
    title = "the results of stages that it read"
    table = Table("stage", title=title, title_justify="left")
    for name in ("read", "there", "of other code", "took"):
        table.add_column(name, justify="right")
    for one in stages:
        there = str(one.whole) if one.whole == one.read else f"[red]{one.whole}[/]"
        others = f"[yellow]{one.other_code}[/]" if one.other_code else ""
        table.add_row(one.stage, str(one.read), there, others, duration(one.seconds))
    return table


def _entries(entries: Iterable[EntryLine]) -> Iterator[str]:
    """Each result and its folder, then the files that the first of them were made from."""
    yield "[bold]one scene, down to its files[/]"
    for one in entries:
        good = one.state in ("whole", "as then")
        state = f"[green]{one.state}[/]" if good else f"[red]{one.state}[/]"
        yield f"  {one.name:<18}{one.key[:16]:<18}{state} {one.made}"
        if one.inputs:
            yield f"    from {' '.join(name[:16] for name in one.inputs)}"
        yield from (f"    {escape(path)}" for path in one.paths[:_PATHS])
        if len(one.paths) > _PATHS:
            yield f"    ... and {len(one.paths) - _PATHS} more, in --json"
