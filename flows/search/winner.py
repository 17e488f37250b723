"""Who won a search: the best trials with further seeds, and the files in which the winner stands.

The base is always among them, so that whatever wins has beaten it on equal terms; where it failed
nobody wins.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.cells.failed import read_failure
from flows.planning.plan import PlannedCell
from flows.search.cells import SearchCells
from flows.search.trials import Trial, best_by_miou, ended, front
from hcfres.config.base import Config
from hcfres.config.method import MethodConfig
from hcfres.config.space import Space, shown, value_at
from hcfres.store.files import write_atomic
from hcfres.store.toml import write_toml

EXPERIMENT = "winner_against_base.toml"
"""In a study's folder: the two-row table that is asked on validation, once."""


@dataclass(frozen=True)
class Candidate:
    """A trial that may win, or the base's, whatever came of it."""

    trial: Trial
    is_base: bool
    cells: tuple[PlannedCell, ...]
    """One a seed, that of the trials first."""
    mious: tuple[float | None, ...]
    """On held-out training spaces; None of a cell that was not trained whole."""

    @property
    def method(self) -> MethodConfig:
        """What it is."""
        return self.cells[0].cell.method

    @property
    def missing(self) -> tuple[PlannedCell, ...]:
        """The cells that are still to be trained."""
        pairs = zip(self.cells, self.mious, strict=True)
        return tuple(cell for cell, miou in pairs if miou is None)

    @property
    def failures(self) -> dict[int, str]:
        """Why seeds of it failed when they were last tried, by seed."""
        told = {cell.cell.seed: read_failure(cell.folder) for cell in self.missing}
        found = {seed: failure.message for seed, failure in told.items() if failure is not None}
        if self.trial.state == "failed":
            found.setdefault(self.cells[0].cell.seed, self.trial.reason or "its trial failed")
        return found

    @property
    def has_failed(self) -> bool:
        """Whether a seed of it failed when it was last tried: such a method cannot win."""
        return bool(self.failures)

    @property
    def is_whole(self) -> bool:
        """Whether every seed was trained."""
        return None not in self.mious

    @property
    def mean(self) -> float:
        """Over the seeds that were trained; NaN without any."""
        known = [miou for miou in self.mious if miou is not None]
        return statistics.fmean(known) if known else float("nan")


def candidates(cells: SearchCells, trials: Sequence[Trial]) -> tuple[Candidate, ...]:
    """Give the best trials, of two objectives those on the front, and the base, in order.

    The base needs no score for that: of its trials the one that ended counts, else the last.
    """
    config, space = cells.search.config, cells.search.space
    timed = "latency_ms" in config.objectives
    best = front(trials)[: config.confirm.best] if timed else ()
    best = best or best_by_miou(trials, config.confirm.best)
    base = _base_trial(space, trials)
    chosen = {trial.number: trial for trial in (*base, *best)}
    return tuple(_candidate(cells, chosen[number], base) for number in sorted(chosen))


def base_of(found: Sequence[Candidate]) -> Candidate | None:
    """Give the base among the candidates; None before it was asked for."""
    return next((one for one in found if one.is_base), None)


def winner_of(found: Sequence[Candidate], within: float | None) -> Candidate | None:
    """Name the winner: the best mean, of equals the earliest trial (decision 162).

    Args:
        found: the candidates.
        within: where latency counts too, the fastest wins of those whose mean lies at most this
            far below the best.

    Returns:
        None while a candidate's seed is to be tried, where the base failed, or without candidates.
    """
    left = [one for one in found if not one.has_failed]
    if base_of(left) is None or not all(one.is_whole for one in left):
        return None
    best = max(one.mean for one in left)
    if within is None:
        return next(one for one in left if one.mean == best)
    near = [one for one in left if one.mean >= best - within]
    return min(near, key=lambda one: (one.trial.latency_ms or 0.0, -one.mean, one.trial.number))


def changes(cells: SearchCells, method: MethodConfig) -> tuple[tuple[str, str, str], ...]:
    """Give the path, the base's value and the method's, where they differ."""
    space = cells.search.space
    pairs = ((knob.path, knob.base, value_at(method, knob.path)) for knob in space.knobs)
    return tuple((path, shown(old), shown(new)) for path, old, new in pairs if old != new)


def write_winner(cells: SearchCells, winner: Candidate) -> Path:
    """Write the winner as a method's file and, beside it, the table that compares it with the base.

    Returns:
        The table's file, which `hcfres reproduce` takes; the method's where the base has won.
    """
    base, config, folder = cells.search.space.base, cells.search.config, cells.folder
    seeds = [cell.cell.seed for cell in winner.cells]
    origin = (
        f"# Winner of {cells.search.name} on {cells.setting.name}: trial {winner.trial.number}, "
        f"mean mIoU {100 * winner.mean:.2f} %\n# on held-out training spaces "
        f"(seeds {', '.join(map(str, seeds))}). Study {folder.name}.\n"
    )
    method = _write(folder / "methods" / f"{winner.method.name}.toml", winner.method, origin)
    if winner.method == base:
        (folder / EXPERIMENT).unlink(missing_ok=True)
        return method
    _write(folder / "methods" / f"{base.name}.toml", base, "# The base, as it was searched from.\n")
    _write(folder / "settings" / f"{cells.setting.name}.toml", cells.setting, "")
    table = {
        "title": f"Winner of {cells.search.name} against its base",
        "dataset": config.dataset,
        "setting": cells.setting.name,
        "seeds": seeds,
        "columns": ["acc_25", "acc_50", "miou"],
        "rows": [base.name, winner.method.name],
        "paper": {base.name: {}, winner.method.name: {}},
    }
    write_atomic(folder / EXPERIMENT, (origin + write_toml(table)).encode())
    return folder / EXPERIMENT


def _base_trial(space: Space, trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Give the base's trial that ended, else the last that did not; none before the first."""
    own = [t for t in trials if t.repeats is None and t.values]
    of_base = [t for t in own if space.full(t.values) == space.full({})]
    return ended(of_base) or tuple(of_base[-1:])


def _candidate(cells: SearchCells, trial: Trial, base: Sequence[Trial]) -> Candidate:
    config = cells.search.config
    seeds = (config.cell_seed, *config.confirm.seeds)
    planned = tuple(cells.planned(trial.values, f"trial {trial.number}", seed) for seed in seeds)
    trained = (cells.trained(cell) for cell in planned)
    mious = tuple(t.miou if t is not None else None for t in trained)
    return Candidate(trial, trial in base, planned, mious)


def _write(path: Path, config: Config, comment: str) -> Path:
    told = write_toml(config.model_dump(mode="json", exclude_none=True))
    write_atomic(path, (comment + told).encode())
    return path
