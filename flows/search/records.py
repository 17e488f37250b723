"""Trials as Optuna keeps them, and as the rest of the project reads them."""

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from flows.search.cells import SearchCells
from flows.search.optuna_parts import distribution, from_optuna, to_optuna
from flows.search.trials import Origin, State, Trial
from hcfres.config.space import Space, Values

CELL, ORIGIN, REPEATS, REASON = "cell", "origin", "repeats", "reason"
"""What is noted of a trial beside its parameters and values."""
_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "done",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


def made(
    space: Space,
    values: Values,
    key: str,
    origin: Origin,
    scores: list[float] | None = None,
    curve: dict[int, float] | None = None,
    state: TrialState = TrialState.WAITING,
) -> FrozenTrial:
    """Make a trial that is to be added to a study.

    Args:
        values: the point.
        key: of its cell.
        scores: the objectives' values, of one that is complete.
        curve: scores by epochs done, where a pruner is to see them.
        state: waiting for its turn, or complete.
    """
    return create_trial(
        state=state,
        values=scores,
        params={path: to_optuna(value) for path, value in values.items()},
        distributions={path: distribution(space.knob(path)) for path in values},
        user_attrs={ORIGIN: origin, CELL: key},
        intermediate_values=curve,
    )


def told(frozen: FrozenTrial, space: Space) -> Trial:
    """Give a trial as a value."""
    try:
        values = from_optuna(space, frozen.params)
    except KeyError:
        values = {}
    miou, latency = [*(frozen.values or ()), None, None][:2]
    about = frozen.user_attrs
    return Trial(
        number=frozen.number,
        state=_STATES[frozen.state],
        values=values,
        key=about.get(CELL) if values else None,
        miou=miou,
        latency_ms=latency,
        origin=about.get(ORIGIN, "sampler"),
        repeats=about.get(REPEATS),
        reason=about.get(REASON, ""),
    )


def read_trials(cells: SearchCells, storage: BaseStorage) -> tuple[Trial, ...]:
    """Read the trials of a study that may not have begun; nothing is changed."""
    try:
        study = optuna.load_study(study_name=cells.identity, storage=storage)
    except KeyError:
        return ()
    return tuple(told(frozen, cells.search.space) for frozen in study.get_trials(deepcopy=False))
