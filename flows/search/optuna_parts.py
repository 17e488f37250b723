"""A search's samplers and distributions as Optuna has them."""

import hashlib
import json
import logging
import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection

from hcfres.config.search import Choices, SearchConfig, TpeConfig, Value
from hcfres.config.space import Knob, Space, Values

DIRECTIONS = {"held_out_miou": StudyDirection.MAXIMIZE, "latency_ms": StudyDirection.MINIMIZE}
"""Which way each objective is better."""

warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
warnings.filterwarnings("ignore", message="Heartbeat of storage is supposed to be used with")
optuna.logging.set_verbosity(logging.WARNING)


def make_sampler(config: SearchConfig, asked: int, again: int) -> optuna.samplers.BaseSampler:
    """Make the sampler of one suggestion; its randomness follows from the seed and two counts.

    So a search that was killed goes on as it would have (decision 161).

    Args:
        asked: trials that the study has seen through, or is about to.
        again: suggestions since the last that brought a new cell.
    """
    told = hashlib.sha256(f"{config.seed} {asked} {again}".encode()).digest()
    seed = int.from_bytes(told[:4], "big")
    if isinstance(config.sampler, TpeConfig):
        return optuna.samplers.TPESampler(
            n_startup_trials=config.sampler.startup_trials,
            multivariate=True,
            group=True,
            constant_liar=True,
            seed=seed,
        )
    return optuna.samplers.RandomSampler(seed=seed)


def distribution(knob: Knob) -> BaseDistribution:
    """What may be chosen of a knob."""
    asked = knob.asked
    if isinstance(asked, Choices):
        return CategoricalDistribution([to_optuna(value) for value in asked.choices])
    if knob.whole:
        return IntDistribution(int(asked.low), int(asked.high), log=asked.log)
    return FloatDistribution(asked.low, asked.high, log=asked.log)


def to_optuna(value: Value) -> Any:
    """A list as its JSON; anything else as it is."""
    return json.dumps(value) if isinstance(value, tuple) else value


def suggest(trial: optuna.Trial, knob: Knob) -> Value:
    """Let the study's sampler choose."""
    asked, path = knob.asked, knob.path
    if isinstance(asked, Choices):
        chosen = trial.suggest_categorical(path, [to_optuna(value) for value in asked.choices])
        return next(value for value in asked.choices if to_optuna(value) == chosen)
    if knob.whole:
        return trial.suggest_int(path, int(asked.low), int(asked.high), log=asked.log)
    return trial.suggest_float(path, asked.low, asked.high, log=asked.log)


def from_optuna(space: Space, params: Mapping[str, Any]) -> Values:
    """The point of a trial's parameters.

    Raises:
        KeyError: some that belong to it are not there: the trial was killed before it had them.
    """

    def chosen(knob: Knob) -> Value:
        found = params[knob.path]
        if isinstance(knob.asked, Choices):
            return next(one for one in knob.asked.choices if to_optuna(one) == found)
        return int(found) if knob.whole else float(found)

    return space.walk(chosen)
