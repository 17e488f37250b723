"""A search's plan for people: the space, the shared stages, and what the rest may take."""

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.planning.view import duration
from flows.search.plan import SearchPlan
from hcfres.data.acquisition.space import readable
from hcfres.pipeline.stage_count import StageCount


def show(plan: SearchPlan, console: Console) -> None:
    """Print what is searched, what its methods share, and an estimate of the rest."""
    title = f"{escape(plan.title)} on {escape(plan.setting_title)}"
    table = Table("value", "base", "tried", "only with", title=title, title_justify="left")
    for line in plan.space:
        table.add_row(*map(escape, (line.path, line.base, line.tried, line.when)))
    console.print(table)
    if plan.stages:
        console.print(_stages(plan.stages))
    for note in (*plan.remarks, *_warnings(plan)):
        console.print(f"[yellow]note:[/] {escape(note)}", highlight=False, soft_wrap=True)
    points = (
        f"{plan.points:,} points" if plan.points is not None else "more points than are counted"
    )
    pruner = f", pruned by {plan.pruner}" if plan.pruner else ""
    console.print(
        f"{points}, {plan.free} of them trained here already; judged by "
        f"{' and '.join(plan.objectives)}, asked for by {plan.sampler}{pruner}",
        highlight=False,
    )
    console.print(_summary(plan), highlight=False)


def _stages(stages: Iterable[StageCount]) -> Table:
    title = "what the base and its neighbours read, each computed once"
    table = Table(title=title, title_justify="left")
    table.add_column("stage")
    for name in ("results", "done", "to make", "about"):
        table.add_column(name, justify="right")
    for stage in stages:
        doubts = (
            f"[yellow]{stage.unsure:,} unsure[/]" if stage.unsure else "",
            f"[red]{stage.stopped:,} of other code[/]" if stage.stopped else "",
        )
        missing = f"{stage.missing:,}" if stage.missing else ""
        about = duration(stage.missing * stage.seconds) if stage.missing and stage.seconds else ""
        counts = (f"{stage.results:,}", f"{stage.done:,}")
        table.add_row(stage.stage, *counts, ", ".join(filter(None, (missing, *doubts))), about)
    return table


def _warnings(plan: SearchPlan) -> Iterable[str]:
    if stopped := [stage.stage for stage in plan.stages if stage.stopped]:
        yield (
            f"expensive results of {', '.join(stopped)} were made by other code, and the run stops "
            "there: --accept-code keeps them, a raised version makes them anew"
        )
    if any(stage.unsure for stage in plan.stages):
        yield (
            "unsure: results are there, but the scans they are of were not read yet or have "
            "changed since; a run reads them, and makes anew what no longer fits"
        )
    if plan.disk.fits is False:
        yield (
            f"the disk of the workspace has {readable(plan.disk.free)} free, and about "
            f"{readable(plan.estimate.size or 0)} will be written: free some space, or set "
            "HCFRES_HOME to a folder on another disk"
        )


def _summary(plan: SearchPlan) -> str:
    states = ", ".join(f"{count} {state}" for state, count in plan.trials.items()) or "none yet"
    begun = f"{plan.asked} of {plan.wanted} trials asked for ({states}); "
    if not plan.trials_left and not plan.more_seeds:
        return f"{begun}nothing to run"
    again = max(plan.trials_left - max(plan.wanted - plan.asked, 0), 0)
    tried = f"{again} of these to see through or try again; " if again else ""
    return f"{begun}{tried}then {plan.more_seeds} cells with further seeds: {_about(plan)}"


def _about(plan: SearchPlan) -> str:
    found = plan.estimate
    if found.wall_s is None or found.device_s is None or found.size is None:
        return "nothing of this setting was measured here yet, so no estimate"
    workers = f"{found.workers} {'GPUs' if found.device == 'cuda' else 'workers'}"
    without = f"; not counted: {', '.join(found.not_counted)}" if found.not_counted else ""
    return (
        f"{'' if without else 'at most '}{duration(found.wall_s)} on {workers} "
        f"({duration(found.device_s)} of one device), {readable(found.size)} of "
        f"{readable(plan.disk.free)} free, going by what was measured here{without}"
    )
