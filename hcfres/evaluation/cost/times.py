"""Seconds on a device: when it has really finished, how often, and what is kept of them."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Times:
    """What is kept of some repeats."""

    median_ms: float
    p95_ms: float
    """Interpolated between repeats; with few of them near the longest."""
    repeats: int


@dataclass(frozen=True)
class Budget:
    """How often something is measured."""

    repeats: int
    """At most."""
    seconds: float
    """After so many none is begun, but `least` there are."""
    least: int = 3

    def turns(self) -> Iterator[int]:
        """Count the repeats, from 0, until the budget is spent."""
        began = time.perf_counter()
        for turn in range(self.repeats):
            if turn >= self.least and time.perf_counter() - began > self.seconds:
                return
            yield turn


def times_of(seconds: Sequence[float]) -> Times:
    """Median and 95th percentile of at least one repeat."""
    median, late = np.percentile(np.asarray(seconds) * 1e3, [50, 95])
    return Times(float(median), float(late), len(seconds))


def finish(device: torch.device) -> None:
    """Wait until the device has done what it was given; a processor has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Seconds until the device has done `work`, with nothing left over from before."""
    finish(device)
    began = time.perf_counter()
    work()
    finish(device)
    return time.perf_counter() - began
