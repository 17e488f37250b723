"""What a search consists of, what of it is done, and how long the rest may take.

Nothing here imports torch or an orchestrator.
"""

import json
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.planning.view import duration
from flows.search.cells import SearchCells
from flows.search.trials import Trial, asked_for
from flows.search.winner import candidates
from hcfres.config.search import Choices
from hcfres.config.space import Knob, shown

_MOST_POINTS = 100_000
"""Of a space that are counted."""


@dataclass(frozen=True)
class KnobLine:
    """One value that is searched."""

    path: str
    base: str
    tried: str
    """The choices, or the two ends."""
    when: str
    """The condition under which it is asked for; empty without one."""


@dataclass(frozen=True)
class SearchPlan:
    """What `--plan --json` prints: these keys, all of them, and no other. Times are seconds."""

    search: str
    title: str
    setting: str
    setting_title: str
    study: str
    """Name of the study's folder."""
    objectives: tuple[str, ...]
    sampler: str
    pruner: str
    """Empty without one."""
    space: tuple[KnobLine, ...]
    points: int | None
    """In the space; None of endlessly many, or of more than are counted."""
    wanted: int
    """Different cells to ask for."""
    asked: int
    """Of those, asked for so far."""
    trials: dict[str, int]
    """Of the study, by state; without those that repeat another."""
    free: int
    """Trained cells of the workspace that lie in the space: a trial there costs nothing."""
    more_seeds: int
    """Cells with further seeds still to train; an upper bound until the trials are done."""
    seconds_a_cell: float | None
    """Median of whole trainings of this setting measured here; None before the first."""
    workers: int
    seconds_left: float | None
    """At most, if no trial is free or pruned."""
    schema: Literal["hcfres.search-plan/1"] = "hcfres.search-plan/1"

    def as_json(self) -> str:
        """Give the plan as JSON."""
        return json.dumps(asdict(self), indent=1)


def search_plan(
    cells: SearchCells, trials: Sequence[Trial], wanted: int, workers: int
) -> SearchPlan:
    """Look at everything a search consists of.

    Args:
        trials: of the study, none before it has begun.
        wanted: different cells to ask for.
        workers: that will train them.
    """
    config, space = cells.search.config, cells.search.space
    asked = len(asked_for(trials))
    left = max(wanted - asked, 0) + sum(trial.state == "waiting" for trial in trials)
    more = _more_seeds(cells, trials, left)
    measured = cells.seconds()
    seconds = statistics.median(measured) if measured else None
    rounds = -(-left // workers) + -(-more // workers)
    return SearchPlan(
        search=cells.search.name,
        title=config.title,
        setting=cells.setting.name,
        setting_title=cells.setting.title,
        study=cells.folder.name,
        objectives=config.objectives,
        sampler=config.sampler.kind,
        pruner=config.pruner.kind if config.pruner else "",
        space=tuple(_line(knob) for knob in space.knobs),
        points=space.size(_MOST_POINTS),
        wanted=wanted,
        asked=asked,
        trials=dict(Counter(trial.state for trial in trials if trial.repeats is None)),
        free=sum(1 for _ in cells.found()),
        more_seeds=more,
        seconds_a_cell=seconds,
        workers=workers,
        seconds_left=None if seconds is None else rounds * seconds,
    )


def show(plan: SearchPlan, console: Console) -> None:
    """Print a plan for people."""
    title = f"{escape(plan.title)} on {escape(plan.setting_title)}"
    table = Table("value", "base", "tried", "only with", title=title, title_justify="left")
    for line in plan.space:
        table.add_row(*map(escape, (line.path, line.base, line.tried, line.when)))
    console.print(table)
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


def _summary(plan: SearchPlan) -> str:
    states = ", ".join(f"{count} {state}" for state, count in plan.trials.items()) or "none yet"
    begun = f"{plan.asked} of {plan.wanted} trials asked for ({states}); "
    if plan.asked >= plan.wanted and not plan.more_seeds:
        return f"{begun}nothing to run"
    seeds = f"then {plan.more_seeds} cells with further seeds: "
    if plan.seconds_left is None:
        return f"{begun}{seeds}nothing of this setting was measured here yet, so no estimate"
    most = f"at most {duration(plan.seconds_left)} on {plan.workers} workers"
    return f"{begun}{seeds}{most}, going by what was measured here"


def _more_seeds(cells: SearchCells, trials: Sequence[Trial], left: int) -> int:
    confirm = cells.search.config.confirm
    if left:
        return (confirm.best + 1) * len(confirm.seeds)
    return sum(miou is None for one in candidates(cells, trials) for miou in one.mious)


def _line(knob: Knob) -> KnobLine:
    asked = knob.asked
    if isinstance(asked, Choices):
        tried = ", ".join(map(shown, asked.choices))
    else:
        tried = f"{asked.low:g} to {asked.high:g}{', in ratios' if asked.log else ''}"
    when = " and ".join(
        f"{path} = {' or '.join(map(shown, wanted))}" for path, wanted in asked.when.items()
    )
    return KnobLine(knob.path, shown(knob.base), tried, when)
