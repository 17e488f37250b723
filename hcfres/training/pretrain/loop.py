"""Training that can be stopped at any step and goes on exactly where it was.

A step's random choices come from (seed, step) alone, so that nothing but the network, the
optimiser and the step's number has to be kept.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from hcfres.training.checkpoint import restore, save

CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class Progress:
    """A line about how far a pre-training has come."""

    what: str
    step: int
    steps: int
    seconds_left: float
    figures: dict[str, float]
    """Means since the last line, by name."""


Report = Callable[[Progress], None]


@runtime_checkable
class Lesson(Protocol):
    """What is learnt: a network and a loss that a random generator decides completely."""

    what: str

    @property
    def network(self) -> nn.Module:
        """What is trained, in place."""

    def loss(
        self, rng: np.random.Generator, done: float
    ) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """Draw a batch, give its loss and figures to report; `done` is the share of steps done."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast; the rate rises over the warm-up and falls as a half cosine."""

    steps: int
    seed: int
    learning_rate: float
    weight_decay: float = 0.01
    warm_up: int = 100
    report_every: int = 20
    keep_every: int = 100
    """Steps between checkpoints."""

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        rise = min(1.0, (step + 1) / max(1, min(self.warm_up, self.steps // 5)))
        return self.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * step / self.steps))


def train(lesson: Lesson, schedule: Schedule, folder: Path, report: Report) -> None:
    """Train `lesson.network` in place, from the folder's checkpoint when there is one.

    Raises:
        CheckpointError: the folder's checkpoint is damaged, or of another seed or number of steps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    optimiser = make_optimiser(lesson.network, schedule)
    identity = f"{lesson.what}, {schedule.steps} steps, seed {schedule.seed}"
    first = restore(folder / CHECKPOINT, lesson.network, optimiser, identity)
    pace = _Pace(lesson.what, schedule, first, report)
    lesson.network.train()
    for step in range(first, schedule.steps):
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate(step)
        loss, figures = lesson.loss(
            np.random.default_rng((schedule.seed, step)), step / schedule.steps
        )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(lesson.network.parameters(), 1.0)
        optimiser.step()
        pace.tell(step + 1, {"loss": loss.item(), **figures})
        if (step + 1) % schedule.keep_every == 0 or step + 1 == schedule.steps:
            save(folder / CHECKPOINT, lesson.network, optimiser, step + 1, identity)
    lesson.network.eval()


def make_optimiser(network: nn.Module, schedule: Schedule) -> torch.optim.AdamW:
    """AdamW that decays matrices and kernels only."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": schedule.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=schedule.learning_rate, betas=(0.9, 0.98))


class _Pace:
    """Averages figures and estimates the time left."""

    def __init__(self, what: str, schedule: Schedule, first: int, report: Report) -> None:
        self.what, self.schedule, self.first, self.report = what, schedule, first, report
        self.started = time.monotonic()
        self.sums: dict[str, float] = {}
        self.count = 0

    def tell(self, step: int, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1
        if step % self.schedule.report_every and step != self.schedule.steps:
            return
        pace = (time.monotonic() - self.started) / (step - self.first)
        left = pace * (self.schedule.steps - step)
        means = {name: total / self.count for name, total in self.sums.items()}
        self.sums, self.count = {}, 0
        self.report(Progress(self.what, step, self.schedule.steps, left, means))
