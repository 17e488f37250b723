"""One trial in the hands of this launcher, and how it ended."""

from dataclasses import dataclass, field

import optuna
from optuna.exceptions import UpdateFinishedTrialError

from flows.cells.trained import held_out_curve
from flows.planning.plan import PlannedCell
from flows.search.trials import State
from hcfres.config.space import Values


@dataclass(frozen=True)
class Asked:
    """A trial that a worker has to see to."""

    trial: optuna.Trial
    values: Values
    planned: PlannedCell
    is_judged: bool
    """Whether scores are reported to the study; of two objectives Optuna takes none."""
    may_be_pruned: bool
    """Not so the base, which everything is compared with."""
    _reported: set[int] = field(default_factory=set)

    def should_stop(self) -> bool:
        """Report the scores that are new, and ask the pruner where it has a say.

        A trial that another launcher took over, since it showed no life for too long, goes on: the
        other waits for its cell.
        """
        if not self.is_judged:
            return False
        try:
            return self._report()
        except UpdateFinishedTrialError:
            return False

    def _report(self) -> bool:
        curve = held_out_curve(self.planned.folder)
        new = sorted(curve.keys() - self._reported)
        for epochs in new:
            self.trial.report(curve[epochs], epochs)
            self._reported.add(epochs)
        left = self.planned.cell.setting.training.epochs - max(curve, default=0)
        return self.may_be_pruned and bool(new) and left > 0 and self.trial.should_prune()


@dataclass(frozen=True)
class Outcome:
    """How a trial ended in its worker."""

    state: State
    reason: str = ""
