"""Trials as values: what a study says of them, for plans, reports and the choice of a winner."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from hcfres.config.space import Values

State = Literal["done", "pruned", "failed", "running", "waiting"]
Origin = Literal["base", "sampler", "drawn", "found"]


@dataclass(frozen=True)
class Trial:
    """One trial of a study."""

    number: int
    state: State
    values: Values
    """Empty when it was killed before it had them."""
    key: str | None
    """Of its cell; None where the values make none."""
    miou: float | None
    """On held-out training spaces: after the last epoch, or the one it was pruned at."""
    latency_ms: float | None
    """Where it is an objective."""
    origin: Origin
    """The base, a suggestion of the sampler's, one drawn because the sampler repeated itself (or a
    grid's next), or a cell that was there before."""
    repeats: int | None
    """The trial whose cell it is, when it is none of its own."""
    reason: str
    """Why it failed or makes no method; empty otherwise."""


def ended(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """Give the trials with a final score, the first of each cell, in order.

    Of launchers that begin together each adds the cells that were there before.
    """
    done: dict[str | None, Trial] = {}
    for trial in trials:
        if trial.state == "done" and trial.repeats is None:
            done.setdefault(trial.key, trial)
    return tuple(done.values())


def failed(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """Give the trials that failed, one a cell, of cells that no other trial saw through since.

    Of a cell the last is given that was none of another's.
    """
    trials = tuple(trials)
    whole = {trial.key for trial in trials if trial.state != "failed"}
    left = [t for t in trials if t.key is not None and t.key not in whole]
    own = {trial.key: trial for trial in left if trial.repeats is None}
    return tuple(({trial.key: trial for trial in left} | own).values())


def asked_for(trials: Iterable[Trial]) -> frozenset[str]:
    """Give the cells that count against the number of trials: those that were not there before."""
    own = (t for t in trials if t.origin != "found" and t.repeats is None)
    return frozenset(trial.key for trial in own if trial.key is not None)


def fruitless(trials: Sequence[Trial]) -> int:
    """Count the suggestions since the last that brought a new cell.

    It follows from the study alone, so that a search that was killed goes on with the same count. A
    cell that failed is asked for again, and what waits was not suggested.
    """
    count = 0
    for trial in reversed(trials):
        if trial.state == "waiting" or (trial.state == "failed" and trial.repeats is None):
            continue
        if trial.key is not None and trial.repeats is None:
            break
        count += 1
    return count


def front(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """Give the ended trials that no other beats, the best mIoU first.

    One trial beats another that it equals or betters in everything, and betters in something.
    Without latencies that leaves the best, and its equals.
    """
    done = ended(trials)
    best = [t for t in done if not any(_beats(other, t) for other in done)]
    return tuple(sorted(best, key=lambda t: (-_told(t)[0], t.number)))


def best_by_miou(trials: Iterable[Trial], count: int) -> tuple[Trial, ...]:
    """Give the `count` ended trials with the highest mIoU, the earlier first among equals."""
    return tuple(sorted(ended(trials), key=lambda t: (-_told(t)[0], t.number))[:count])


def _beats(one: Trial, other: Trial) -> bool:
    ours, theirs = _told(one), _told(other)
    return all(a >= b for a, b in zip(ours, theirs, strict=True)) and ours != theirs


def _told(trial: Trial) -> tuple[float, float]:
    """What is better when higher; an unmeasured latency is equal to every other."""
    miou = trial.miou if trial.miou is not None else float("-inf")
    return miou, -(trial.latency_ms or 0.0)
