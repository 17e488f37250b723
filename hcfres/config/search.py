"""A search as data: which values of a method are tried, how, and by what it is judged.

A search changes a method alone. What belongs to the setting (data, sizes, budget) stays fixed, so
that whatever comes out is compared with its base on equal terms (decision 158).
"""

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le
from pydantic import Field, model_validator

from hcfres.config.base import Config, Positive, Seeds
from hcfres.config.experiment import DatasetName
from hcfres.config.names import Name, Title

Value = str | int | float | bool | tuple[str, ...]
"""What stands in a method's file at the end of a dotted path."""
Condition = dict[str, tuple[Value, ...]]
"""By path, the values that an earlier knob must have for this one to be asked for."""
MOST_TRIALS = 20_000
"""More is a slip of the hand."""
Objective = Literal["held_out_miou", "latency_ms"]


class Choices(Config):
    """One of several values."""

    choices: tuple[Value, ...] = Field(min_length=2)
    when: Condition = Field(default_factory=dict)  # left out: always asked for


class Range(Config):
    """A number between two ends, both included; a whole one where the method holds whole ones."""

    low: float
    high: float
    log: bool  # whether equal ratios are equally likely
    when: Condition = Field(default_factory=dict)


class TpeConfig(Config):
    """Tree-structured Parzen estimator, multivariate and grouped by condition."""

    kind: Literal["tpe"]
    startup_trials: Positive  # drawn at random before the first is estimated


class PlainSamplerConfig(Config):
    """Points at random, or every point of a finite space in order."""

    kind: Literal["random", "grid"]


class MedianConfig(Config):
    """A trial ends when it lies below the median of the others at the same epoch."""

    kind: Literal["median"]
    startup_trials: Positive  # that end before any is pruned
    warmup_epochs: Annotated[int, Ge(0)]  # of each trial before it may be pruned


class HyperbandConfig(Config):
    """Successive halving in brackets."""

    kind: Literal["hyperband"]
    min_epochs: Positive  # that every trial gets
    reduction_factor: Annotated[int, Ge(2)]


class ConfirmConfig(Config):
    """How a winner is named: the best trials are run again with further seeds."""

    best: Positive
    seeds: Seeds  # beside the seed of the trials
    within: Annotated[float, Gt(0)] | None = None
    """With `latency_ms`, and only then: the winner is the fastest of those whose mean held-out
    mIoU (a fraction) lies at most this far below the best."""


class SearchConfig(Config):
    """Trials over some values of one method in one setting."""

    title: Title
    dataset: DatasetName
    base: Name  # a file of experiments/methods; always the first trial
    setting: Name = "rooms"  # a file of experiments/settings, unless another is asked for
    objectives: tuple[Objective, ...]
    trials: Annotated[int, Ge(1), Le(MOST_TRIALS)]  # different cells, unless told otherwise
    seed: Annotated[int, Ge(0)]  # of the sampler
    cell_seed: Annotated[int, Ge(0)]  # of every trial's cell
    sampler: TpeConfig | PlainSamplerConfig = Field(discriminator="kind")
    pruner: MedianConfig | HyperbandConfig | None = Field(None, discriminator="kind")
    """Left out: every trial ends by itself."""
    confirm: ConfirmConfig
    space: dict[str, Choices | Range] = Field(min_length=1)  # by dotted path into the method

    @model_validator(mode="after")
    def _parts_agree(self) -> "SearchConfig":
        if self.objectives not in (("held_out_miou",), ("held_out_miou", "latency_ms")):
            raise ValueError('objectives is ["held_out_miou"] or ["held_out_miou", "latency_ms"]')
        timed = "latency_ms" in self.objectives
        if timed != (self.confirm.within is not None):
            raise ValueError("`confirm.within` is given with the objective latency_ms, only then")
        if timed and self.pruner is not None:
            raise ValueError("a pruner judges by one objective; leave `pruner` out with latency_ms")
        if self.cell_seed in self.confirm.seeds:
            raise ValueError("`confirm.seeds` holds cell_seed, with which the trials ran already")
        return self
