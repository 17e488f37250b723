"""One step of the optimiser, over accumulated batches and over processes.

A step's losses are divided by the pairs and the expressions of all of its batches in all
processes, so that it is the same step however it is cut (decision 138).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn, optim

from hcfres.data.batch import Batch
from hcfres.objective.criterion import Losses
from hcfres.objective.sums import Counts, Sums
from hcfres.training.engine import Engine, stand_by
from hcfres.training.optimizer import follow, parameters_of

TERMS = tuple(field.name for field in fields(Losses))
"""Names of what a step is judged by, the total first."""


@runtime_checkable
class Objective(Protocol):
    """What outputs are judged by; `objective.criterion.Criterion` is the one."""

    def sums(self, output: Any, batch: Batch) -> Sums:
        """The terms of a batch, not yet divided."""

    def losses(self, sums: Sums, counts: Counts) -> Losses:
        """The batch's share of the losses of a step with these counts."""

    def undivided(self, sums: Sums) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """The parts of the total that the step's pairs and expressions are still to divide."""


@dataclass(frozen=True)
class Learner:
    """What learns, from what judgement, on what."""

    network: nn.Module
    predict: Callable[[Batch], Any]
    """The network's output for a batch on the device: the network itself, or what calls it."""
    objective: Objective
    optimizer: optim.Optimizer
    clip_norm: float
    engine: Engine


@dataclass(frozen=True)
class Told:
    """How a step went."""

    losses: Float[Tensor, " terms"]
    """In the order of TERMS, of the whole step: every process is told the same."""
    gradient_norm: float
    """Before clipping, as above; NaN where the total is not finite."""
    shares: tuple[Losses, ...]
    """Of this process's own batches."""

    @property
    def finite(self) -> bool:
        """Whether something was learnt: total and norm are finite."""
        return bool(torch.isfinite(self.losses[0])) and math.isfinite(self.gradient_norm)


def learn(learner: Learner, batches: Sequence[Batch | None]) -> Told:
    """Take one step, unless its loss or its gradient is not finite.

    Args:
        learner: its network is in training mode.
        batches: of this process; None where the others have one and it has none.
    """
    learner.optimizer.zero_grad(set_to_none=True)
    shares = _whole(learner, batches[0]) if len(batches) == 1 else _accumulated(learner, batches)
    losses = learner.engine.total(_added(shares, learner.engine.device)).cpu()
    if not torch.isfinite(losses[0]):
        return Told(losses, math.nan, shares)
    learner.engine.sum_gradients(parameters_of(learner.optimizer))
    return Told(losses, follow(learner.optimizer, learner.clip_norm), shares)


def _whole(learner: Learner, batch: Batch | None) -> tuple[Losses, ...]:
    """A step of one batch: what divides it is counted before its gradient is taken."""
    sums = _judged(learner, batch)
    counts = _counted(learner.engine, [] if sums is None else [sums])
    if sums is None:
        stand_by(learner.network).backward()
        return ()
    losses = learner.objective.losses(sums, counts)
    losses.total.backward()
    return (losses,)


def _accumulated(learner: Learner, batches: Sequence[Batch | None]) -> tuple[Losses, ...]:
    """A step of several batches: each one's gradient is taken before the next one is counted.

    Until then, what pairs are to divide lies in the parameters' gradients, and what expressions
    are to divide lies apart.
    """
    parameters = parameters_of(learner.optimizer)
    apart: list[Tensor | None] = [None] * len(parameters)
    kept: list[Sums] = []
    for batch in batches:
        sums = _judged(learner, batch)
        if sums is None:
            zero = stand_by(learner.network)
            zero.backward(retain_graph=True)
            zero.backward()
            continue
        by_pairs, by_expressions = learner.objective.undivided(sums)
        found = torch.autograd.grad(by_expressions, parameters, None, True, allow_unused=True)
        apart = [_plus(one, other) for one, other in zip(apart, found, strict=True)]
        by_pairs.backward()
        kept.append(sums.detached())
    counts = _counted(learner.engine, kept)
    for parameter, other in zip(parameters, apart, strict=True):
        parameter.grad = _plus(
            _over(parameter.grad, counts.pairs), _over(other, counts.expressions)
        )
    return tuple(learner.objective.losses(sums, counts) for sums in kept)


def _judged(learner: Learner, batch: Batch | None) -> Sums | None:
    if batch is None:
        return None
    there = batch.to(learner.engine.device)
    with learner.engine.autocast():
        output = learner.predict(there)
    return learner.objective.sums(output, there)


def _counted(engine: Engine, parts: Sequence[Sums]) -> Counts:
    """The counts of the whole step."""
    none = torch.zeros(2, dtype=torch.long, device=engine.device)
    own = [torch.stack([sums.counts.pairs, sums.counts.expressions]) for sums in parts]
    return Counts(*engine.total(sum(own, start=none)).unbind())


def _added(shares: Sequence[Losses], device: torch.device) -> Float[Tensor, " terms"]:
    """The losses of this process's part of the step."""
    none = torch.zeros(len(TERMS), device=device)
    rows = [torch.stack([getattr(share, name).detach() for name in TERMS]) for share in shares]
    return sum(rows, start=none)


def _plus(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return one if other is None else other
    return one + other


def _over(gradient: Tensor | None, count: Tensor) -> Tensor | None:
    return None if gradient is None else gradient / count.clamp(min=1)
