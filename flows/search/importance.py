"""How much each value of a search mattered, going by its trials."""

from collections.abc import Sequence

import optuna

from flows.search.optuna_parts import distribution, to_optuna
from flows.search.trials import Trial, ended
from hcfres.config.space import Space

LEAST = 4
"""Trials with a score below which nothing is said."""


def importances(space: Space, trials: Sequence[Trial]) -> dict[str, float]:
    """Give each path's share of the variance of the mIoU (functional ANOVA over a random forest).

    A value that was not asked for counts as the base's, so that conditional ones take part.

    Returns:
        Nothing of few trials, or of trials that are all alike.
    """
    done = [trial for trial in ended(trials) if trial.miou is not None]
    if len(done) < LEAST or len({trial.miou for trial in done}) == 1:
        return {}
    distributions = {knob.path: distribution(knob) for knob in space.knobs}
    study = optuna.create_study(direction="maximize")
    for trial in done:
        full = {path: to_optuna(value) for path, value in space.full(trial.values).items()}
        study.add_trial(
            optuna.trial.create_trial(params=full, distributions=distributions, value=trial.miou)
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
