"""Training one network: epochs of clipped steps, reported, checkpointed, resumed bit for bit."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn, optim

from hcfres.config.setting import TrainingConfig
from hcfres.data.batch import Batch
from hcfres.training import checkpoint
from hcfres.training.journal import EpochReport, Journal, peak_memory_mb
from hcfres.training.optimizer import make_optimizer, step, train_mode
from hcfres.training.order import Chunk, epoch_order, generator
from hcfres.training.schedule import polynomial, set_rate


@runtime_checkable
class Source(Protocol):
    """Where batches come from."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Expressions of each scene to learn from."""

    def batch(self, chunks: tuple[Chunk, ...], rng: np.random.Generator) -> Batch:
        """The step's scenes and sentences, augmented by `rng`."""


class NonFiniteLossError(ArithmeticError):
    """A loss that is not a number; nothing was learnt from it."""


@dataclass(frozen=True)
class Run:
    """A training about to begin, or to be resumed."""

    network: nn.Module
    """Frozen parts have no parameter that requires a gradient."""
    predict: Callable[[Batch], Any]
    """The network's output for a batch on the device: the network itself, or what calls it."""
    criterion: Callable[[Any, Batch], Any]
    """From the network's output to a dataclass with the field `total` and one field a term."""
    source: Source
    config: TrainingConfig
    seed: int
    identity: str
    """Of everything that decides the result; a checkpoint of another is refused."""
    folder: Path
    """`checkpoint/` and `metrics.jsonl` are kept here."""
    device: str = "cpu"


Report = Callable[[EpochReport], None]
Check = Callable[[nn.Module], float]
"""The mean IoU of a network on rooms held out of the training split."""


def fit(run: Run, report: Report, check: Check | None = None, check_every: int = 5) -> nn.Module:
    """Train to the last epoch and return the network with the last epoch's weights.

    Args:
        run: what to train; a checkpoint in its folder is gone on from.
        report: called after each epoch, when its checkpoint is on the disk.
        check: called every `check_every` epochs and after the last.
        check_every: epochs between two checks.

    Raises:
        NonFiniteLossError: names the epoch, the step and its expressions.
        CheckpointError: the folder holds the state of another training, or a damaged one.
    """
    network = run.network.to(run.device)
    optimizer = make_optimizer(network, run.config)
    state = run.folder / "checkpoint"
    done = checkpoint.restore(state, network, optimizer, run.identity)
    journal = Journal(run.folder / "metrics.jsonl", done)
    clock = _Clock(done, run.config.epochs)
    for epoch in range(done, run.config.epochs):
        means = _epoch(run, optimizer, epoch)
        due = (epoch + 1) % check_every == 0 or epoch + 1 == run.config.epochs
        miou = check(network) if check is not None and due else None
        told = clock.report(run, optimizer, epoch, means, miou)
        journal.append(told)
        checkpoint.save(state, network, optimizer, epoch + 1, run.identity)
        report(told)
    return network


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
        miou: float | None,
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
            held_out_miou=miou,
            seconds=seconds,
            memory_mb=peak_memory_mb(torch.device(run.device)),
            seconds_left=pace * (self._epochs - epoch - 1),
        )


def _epoch(run: Run, optimizer: optim.Optimizer, epoch: int) -> dict[str, float]:
    """Take every step of an epoch; the means of what was measured at each."""
    config = run.config
    set_rate(optimizer, polynomial(config.learning_rate, epoch, config.epochs, config.decay_power))
    train_mode(run.network)
    order = epoch_order(
        run.source.counts,
        config.expressions_per_scene,
        config.scenes_per_batch,
        generator(run.seed, epoch, "order"),
    )
    if not order:
        raise ValueError("there is no expression to learn from: every training room is held out")
    changes = generator(run.seed, epoch, "augmentation")
    measured: list[dict[str, Tensor]] = []
    with torch.random.fork_rng():
        torch.manual_seed(int(generator(run.seed, epoch, "dropout").integers(2**63)))
        for number, chunks in enumerate(order):
            batch = run.source.batch(chunks, changes)
            measured.append(_step(run, optimizer, batch, f"epoch {epoch}, step {number}"))
    return {
        name: float(torch.stack([terms[name] for terms in measured]).mean()) for name in measured[0]
    }


def _step(run: Run, optimizer: optim.Optimizer, batch: Batch, place: str) -> dict[str, Tensor]:
    """Learn from one batch; each term of the loss and the norm of the gradient."""
    there = batch.to(run.device)
    losses = run.criterion(run.predict(there), there)
    terms = {field.name: torch.as_tensor(getattr(losses, field.name)) for field in fields(losses)}
    if not torch.isfinite(terms["total"]):
        raise NonFiniteLossError(_complaint(place, batch, terms))
    norm = step(optimizer, losses.total, run.config.clip_norm)
    if not np.isfinite(norm):
        raise NonFiniteLossError(_complaint(f"{place} (gradient norm {norm})", batch, terms))
    kept = {name: term.detach().float().cpu() for name, term in terms.items()}
    return kept | {"gradient_norm": torch.tensor(norm)}


def _complaint(place: str, batch: Batch, terms: dict[str, Tensor]) -> str:
    said = ", ".join(f"{name} {float(term.detach()):g}" for name, term in terms.items())
    keys = ", ".join(expression.key for expression in batch.expressions)
    return (
        f"{place}: the loss is not finite ({said}) on the expressions {keys}. "
        "The last epoch's checkpoint is untouched; look at these scenes' features, or lower "
        "learning_rate"
    )
