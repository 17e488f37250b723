"""What a search consists of, what of it is done, and what the rest may take.

Nothing here imports torch or an orchestrator.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from flows.planning.estimate import Disk, Estimate, disk, estimate
from flows.planning.measured import Typical
from flows.planning.plan import Plan, PlannedCell, plan_cell
from flows.planning.shared_stages import SharedStages, shared_stages
from flows.search.cells import SearchCells
from flows.search.trials import Trial, asked_for, failed
from flows.search.winner import candidates
from hcfres.config.cell import CellConfig
from hcfres.config.experiment import ComparisonConfig
from hcfres.config.identity import digest
from hcfres.config.method import MethodConfig
from hcfres.config.rows import Experiment, Row
from hcfres.config.search import Choices
from hcfres.config.space import Knob, Space, shown
from hcfres.pipeline.stage_count import StageCount

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
    """What `--plan --json` prints: these keys, all of them, and no other.

    Times are seconds, sizes bytes. A change of a key or of its meaning raises the number in
    `schema`.
    """

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
    trials_left: int
    """To ask for, to see through, or to try again."""
    free: int
    """Trained cells of the workspace that lie in the space: a trial there costs nothing."""
    more_seeds: int
    """Cells with further seeds still to train; an upper bound until the trials are done."""
    seconds_a_cell: float | None
    """Median of whole trainings of this setting measured here; None before the first."""
    stages: tuple[StageCount, ...]
    """What the base reads, and each method that differs from it in one value, a choice or the end
    of a range, as long as anything is left; each is computed once."""
    estimate: Estimate
    """At most, if no trial is free or pruned."""
    disk: Disk
    remarks: tuple[str, ...]
    """What could not be counted, and why; what the search would train anew."""
    schema: Literal["hcfres.search-plan/2"] = "hcfres.search-plan/2"

    def as_json(self) -> str:
        """Give the plan as JSON."""
        return json.dumps(asdict(self), indent=1)


def search_plan(cells: SearchCells, trials: Sequence[Trial], wanted: int) -> SearchPlan:
    """Look at everything a search consists of.

    Args:
        trials: of the study, none before it has begun.
        wanted: different cells to ask for.
    """
    config, space = cells.search.config, cells.search.space
    left = _trials_left(trials, wanted)
    more = _more_seeds(cells, trials, left)
    typical, readers = cells.typical(), _readers(cells)
    shared = shared_stages(readers, cells.accept_code) if left or more else SharedStages((), {})
    of_stages = estimate(replace(readers, cells=()), shared.counts)
    if left:
        uncounted = (*of_stages.not_counted, *_uncounted(space))
        of_stages = replace(of_stages, not_counted=uncounted)
    expected = _with_cells(of_stages, (left, more), typical)
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
        asked=len(asked_for(trials)),
        trials=dict(Counter(trial.state for trial in trials if trial.repeats is None)),
        trials_left=left,
        free=sum(1 for _ in cells.found()),
        more_seeds=more,
        seconds_a_cell=typical.seconds if typical else None,
        stages=shared.counts,
        estimate=expected,
        disk=disk(readers, expected.size),
        remarks=(*shared.remarks, *(_trained_anew(cells) if left or more else ())),
    )


def _trained_anew(cells: SearchCells) -> tuple[str, ...]:
    """Say that finished cells of other code would be trained again, and what tables then lack."""
    if not (count := cells.finished_by_other_code()):
        return ()
    return (
        f"finished cells that other code made and that lie in the space: {count}. Each that the "
        "search asks for is trained anew, and its table lacks it until `hcfres reproduce` "
        "evaluates it again; --accept-code takes them as they are",
    )


def _trials_left(trials: Sequence[Trial], wanted: int) -> int:
    begun = sum(trial.state in ("waiting", "running") for trial in trials)
    return max(wanted - len(asked_for(trials)), 0) + begun + len(failed(trials))


def _more_seeds(cells: SearchCells, trials: Sequence[Trial], left: int) -> int:
    confirm = cells.search.config.confirm
    if left:
        return (confirm.best + 1) * len(confirm.seeds)
    return sum(miou is None for one in candidates(cells, trials) for miou in one.mious[1:])


def _readers(cells: SearchCells) -> Plan:
    """Give a grid of the base and its neighbours, those that read different stages, all to run."""
    search, config = cells.search, cells.search.config
    rows = tuple(Row(method.name, method, {}, {}) for method in _reading(search.space))
    names = tuple(row.name for row in rows)
    told = ComparisonConfig(
        title=config.title,
        dataset=config.dataset,
        columns=("miou",),
        rows=names,
        paper={name: {} for name in names},
    )
    experiment = Experiment(search.name, told, rows, search.source)
    planned = tuple(_to_run(row, cells) for row in rows)
    return Plan(experiment, cells.setting, planned, cells.folder, cells.workspace, cells.devices)


def _reading(space: Space) -> Iterable[MethodConfig]:
    """Choose of the base and its neighbours one for each way of reading frames."""
    found: dict[str, MethodConfig] = {}
    for method in (space.base, *space.neighbours()):
        found.setdefault(digest(method.semantics or "no frames", *method.legacy), method)
    return found.values()


def _uncounted(space: Space) -> tuple[str, ...]:
    """Name the features that trials read beyond those of `_reading`, where there may be any."""
    knobs = [knob for knob in space.knobs if knob.path.startswith("semantics.")]
    between = [k.path for k in knobs if k.values is None or len(k.values) > len(k.extremes)]
    if not between and len(knobs) < 2:
        return ()
    return (f"features with other values of {', '.join(knob.path for knob in knobs)}",)


def _to_run(row: Row, cells: SearchCells) -> PlannedCell:
    cell = CellConfig(method=row.method, setting=cells.setting, seed=cells.search.config.cell_seed)
    return replace(plan_cell(row, cell, cells.workspace, cells.code), state="missing")


def _with_cells(stages: Estimate, runs: tuple[int, ...], typical: Typical | None) -> Estimate:
    """Add what training cells takes to what stages take.

    Args:
        runs: cells of each round; a round begins when the one before has ended.
    """
    count = sum(runs)
    if typical is not None:
        wall = sum(-(-cells // stages.workers) for cells in runs) * typical.seconds
        return replace(
            stages,
            wall_s=(stages.wall_s or 0.0) + wall,
            device_s=(stages.device_s or 0.0) + count * typical.seconds,
            size=(stages.size or 0) + count * typical.size,
        )
    if not count:
        return stages
    unknown = (*stages.not_counted, f"cells ({count})")
    if not stages.device_s:
        return replace(stages, wall_s=None, device_s=None, size=None, not_counted=unknown)
    return replace(stages, not_counted=unknown)


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
