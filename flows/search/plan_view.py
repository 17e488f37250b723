"""A search's plan for people: the space, the shared stages, and what the rest may take."""

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.planning.view import about, stage_counts, warnings
from flows.search.plan import SearchPlan
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
    for note in (*plan.remarks, *warnings(plan.stages, plan.estimate, plan.disk)):
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
        table.add_row(stage.stage, *stage_counts(stage))
    return table


def _summary(plan: SearchPlan) -> str:
    states = ", ".join(f"{count} {state}" for state, count in plan.trials.items()) or "none yet"
    begun = f"{plan.asked} of {plan.wanted} trials asked for ({states}); "
    if not plan.trials_left and not plan.more_seeds:
        return f"{begun}nothing to run"
    again = max(plan.trials_left - max(plan.wanted - plan.asked, 0), 0)
    tried = f"{again} of these to see through or try again; " if again else ""
    left = about(plan.estimate, plan.disk, "at most ", "")  # a trial may be free, or pruned
    return f"{begun}{tried}then {plan.more_seeds} cells with further seeds: {left}"
