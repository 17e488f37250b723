"""Training one network: epochs of clipped steps, reported, checkpointed, resumed bit for bit."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn, optim

from hcfres.config.setting import TrainingConfig
from hcfres.data.batch import Batch
from hcfres.training import checkpoint
from hcfres.training.best import keep_best
from hcfres.training.engine import open_engine
from hcfres.training.journal import EpochReport, Journal, peak_memory_mb
from hcfres.training.nonfinite import Step, complain
from hcfres.training.optimizer import make_optimizer, train_mode
from hcfres.training.order import Chunk, epoch_order, generator
from hcfres.training.schedule import polynomial, set_rate
from hcfres.training.step import TERMS, Learner, Objective, learn
from hcfres.training.team import ALONE, Team


@runtime_checkable
class Source(Protocol):
    """Where batches come from."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Expressions of each scene to learn from."""

    def batch(self, chunks: tuple[Chunk, ...], rngs: Sequence[np.random.Generator]) -> Batch:
        """The chunks' scenes and sentences, each scene augmented by its own generator."""


@dataclass(frozen=True)
class Run:
    """A training about to begin, or to be resumed."""

    network: nn.Module
    """Frozen parts have no parameter that requires a gradient."""
    predict: Callable[[Batch], Any]
    """The network's output for a batch on the device: the network itself, or what calls it."""
    criterion: Objective
    source: Source
    config: TrainingConfig
    seed: int
    identity: str
    """Of everything that decides the result; a checkpoint of another is refused."""
    folder: Path
    """Checkpoint, `metrics.jsonl` and the best epochs' weights are kept here."""
    about: Mapping[str, object] = field(default_factory=dict)
    """What is needed to build the network again, as JSON values."""
    device: str = "cpu"
    team: Team = ALONE
    """Everything is written and reported by the first process."""


Report = Callable[[EpochReport], None]
Check = Callable[[nn.Module], float]
"""The mean IoU of a network on scenes that are not learnt from."""


@dataclass(frozen=True)
class Checks:
    """What is measured every few epochs, in fp32, by the first process alone."""

    held_out: Check | None = None
    """On rooms held out of the training split."""
    validation: Check | None = None
    """Given where the best epoch on validation was asked for, by name, and nowhere else."""
    every: int = 5
    """Epochs between two checks; the last epoch is always checked."""


NOTHING = Checks()


def fit(run: Run, report: Report, checks: Checks = NOTHING) -> nn.Module:
    """Train to the last epoch and return the network with the last epoch's weights.

    Several processes share the scenes of each batch and learn the same (decision 139).

    Args:
        run: what to train; a checkpoint in its folder is gone on from.
        report: called after each epoch, when its checkpoint is on the disk.
        checks: what else is measured; the best epochs that `run.config.keep` asks for are kept.

    Raises:
        NonFiniteLossError: names the epoch, the step and its expressions, and where they are kept.
        CheckpointError: the folder holds the state of another training, or a damaged one.
    """
    with open_engine(run.device, run.config.precision, run.team) as engine:
        network = run.network.to(engine.device)
        optimizer = make_optimizer(network, run.config)
        learner = Learner(
            network, run.predict, run.criterion, optimizer, run.config.clip_norm, engine
        )
        done = checkpoint.restore(run.folder / "checkpoint", network, optimizer, run.identity)
        book = _Book(run, optimizer, checks, report, done) if engine.leads else None
        for epoch in range(done, run.config.epochs):
            means = _epoch(run, learner, epoch)
            engine.agree(network)
            if book is not None:
                book.close(network, epoch, means)
    return network


class _Book:
    """What the first process writes at the end of an epoch."""

    def __init__(
        self, run: Run, optimizer: optim.Optimizer, checks: Checks, report: Report, done: int
    ) -> None:
        self._run, self._optimizer, self._checks, self._report = run, optimizer, checks, report
        kept = checkpoint.kept_journal(run.folder / "checkpoint")
        self._journal = Journal(run.folder / "metrics.jsonl", kept)
        self._clock = _Clock(done, run.config.epochs)

    def close(self, network: nn.Module, epoch: int, means: dict[str, float]) -> None:
        """Check the network, keep it where it is the best, write the checkpoint, report."""
        run = self._run
        told = self._clock.report(run, self._optimizer, epoch, means, self._check(network, epoch))
        keep_best(run.folder, network, run.about, run.config.keep, [*self._journal.reports, told])
        self._journal.append(told)
        state, journal = run.folder / "checkpoint", self._journal.text
        checkpoint.save(state, network, self._optimizer, epoch + 1, run.identity, journal)
        self._report(told)

    def _check(self, network: nn.Module, epoch: int) -> dict[str, float | None]:
        checks = self._checks
        due = (epoch + 1) % checks.every == 0 or epoch + 1 == self._run.config.epochs
        asked = {"held_out_miou": checks.held_out, "validation_miou": checks.validation}
        return {n: check(network) if check and due else None for n, check in asked.items()}


class _Clock:
    """Measures epochs, and guesses from them how long the rest takes."""

    def __init__(self, first: int, epochs: int) -> None:
        self._first, self._epochs = first, epochs
        self._began = self._last = time.perf_counter()

    def report(
        self,
        run: Run,
        optimizer: optim.Optimizer,
        epoch: int,
        means: dict[str, float],
        checked: dict[str, float | None],
    ) -> EpochReport:
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        pace = (now - self._began) / (epoch + 1 - self._first)
        return EpochReport(
            epoch=epoch,
            epochs=self._epochs,
            gradient_norm=means.pop("gradient_norm"),
            losses=means,
            learning_rate=optimizer.param_groups[0]["lr"],
            seconds=seconds,
            memory_mb=peak_memory_mb(torch.device(run.device)),
            seconds_left=pace * (self._epochs - epoch - 1),
            **checked,
        )


def _epoch(run: Run, learner: Learner, epoch: int) -> dict[str, float]:
    """Take every step of an epoch; the means of what was measured at each."""
    config, engine = run.config, learner.engine
    rate = polynomial(config.learning_rate, epoch, config.epochs, config.decay_power)
    set_rate(learner.optimizer, rate)
    train_mode(run.network)
    losses: list[Tensor] = []
    norms: list[float] = []
    with torch.random.fork_rng():
        torch.manual_seed(_dropout_seed(run, epoch))
        for number, step in enumerate(_steps(run, epoch)):
            batches = [_batch(run, engine.share(chunks), epoch) for chunks in step]
            told = learn(learner, batches)
            if not told.finite:
                there = tuple(batch for batch in batches if batch is not None)
                where = Step(epoch, number, there)
                raise complain(where, told, run.network, engine, run.folder)
            losses.append(told.losses)
            norms.append(told.gradient_norm)
    means = dict(zip(TERMS, torch.stack(losses).mean(0).tolist(), strict=True))
    return means | {"gradient_norm": float(torch.tensor(norms).mean())}


Numbered = tuple[int, Chunk]
"""A chunk and its place in the epoch."""


def _steps(run: Run, epoch: int) -> Iterator[tuple[tuple[Numbered, ...], ...]]:
    """The batches of each step of the optimiser."""
    config = run.config
    order = epoch_order(
        run.source.counts,
        config.expressions_per_scene,
        config.scenes_per_batch,
        generator(run.seed, epoch, "order"),
    )
    if not order:
        raise ValueError("there is no expression to learn from: every training room is held out")
    number = itertools.count()
    batches = (tuple((next(number), chunk) for chunk in batch) for batch in order)
    return iter(lambda: tuple(itertools.islice(batches, config.accumulate)), ())


def _batch(run: Run, numbered: Sequence[Numbered], epoch: int) -> Batch | None:
    """A process's part of a batch; None where it has none."""
    if not numbered:
        return None
    changes = [generator(run.seed, epoch, f"augmentation {number}") for number, _ in numbered]
    return run.source.batch(tuple(chunk for _, chunk in numbered), changes)


def _dropout_seed(run: Run, epoch: int) -> int:
    """Each process drops other units."""
    purpose = f"dropout {run.team.rank}" if run.team.rank else "dropout"
    return int(generator(run.seed, epoch, purpose).integers(2**63))
