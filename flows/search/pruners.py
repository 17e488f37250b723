"""A search's pruners: Optuna's median, and a Hyperband that follows from cells alone."""

import zlib
from collections.abc import Iterable, Mapping

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.trial import FrozenTrial, TrialState

from flows.search.records import CELL
from hcfres.config.search import HyperbandConfig, MedianConfig, SearchConfig

Curve = Mapping[int, float]
"""Scores by epochs done."""


def make_pruner(config: SearchConfig, epochs: int) -> BasePruner:
    """Make the pruner; its steps are epochs done."""
    pruner = config.pruner
    if pruner is None:
        return NopPruner()
    if isinstance(pruner, MedianConfig):
        return MedianPruner(pruner.startup_trials, pruner.warmup_epochs)
    return Hyperband(pruner, epochs)


class Hyperband(BasePruner):
    """Brackets and rungs as Optuna's, of cells instead of trials (decision 161).

    Optuna draws a bracket for each trial's number and judges by what it noted when trials were
    asked, so that a trial which is tried again meets other ones. Here the bracket follows from the
    cell's key, and whom it meets from the curves of all cells but those that failed.
    """

    def __init__(self, config: HyperbandConfig, epochs: int) -> None:
        self._factor = config.reduction_factor
        self._rungs: list[int] = []
        rung = config.min_epochs
        while rung <= epochs:
            self._rungs.append(rung)
            rung *= self._factor

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether a trial that reached a rung just now is not among the best there."""
        key, curve = trial.user_attrs[CELL], trial.intermediate_values
        bracket, last = self._bracket(key), max(curve, default=0)
        curves = _curves(study) | {key: curve}
        alike = [one for other, one in curves.items() if self._bracket(other) == bracket]
        rungs = [rung for rung in self._rungs[bracket:] if _reached(curve, rung) == last]
        return any(not self._goes_on(curve[last], rung, alike) for rung in rungs)

    def _goes_on(self, score: float, rung: int, curves: Iterable[Curve]) -> bool:
        """Whether a score is among the best share of those at a rung, or the best of few."""
        there = [one[at] for one in curves if (at := _reached(one, rung)) is not None]
        better = sum(other > score for other in there)
        return better < max(len(there) // self._factor, 1)

    def _bracket(self, key: str) -> int:
        """Give the number of rungs that a cell skips; fewer are likelier, as in Hyperband."""
        count = len(self._rungs)
        shares = [-(-count * self._factor**left // (left + 1)) for left in reversed(range(count))]
        place = zlib.crc32(key.encode()) % sum(shares)
        return next(n for n in range(count) if place < sum(shares[: n + 1]))


def _curves(study: optuna.Study) -> dict[str, Curve]:
    """Give the curve of each cell that has one and did not fail."""
    trials = study.get_trials(deepcopy=False)
    scored = [t for t in trials if t.state is not TrialState.FAIL and t.intermediate_values]
    return {trial.user_attrs[CELL]: trial.intermediate_values for trial in scored}


def _reached(curve: Curve, rung: int) -> int | None:
    """Give the check at which a cell reached a rung: the first at or after it."""
    return min((epochs for epochs in curve if epochs >= rung), default=None)
