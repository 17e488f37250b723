"""A search in pictures: its history, what mattered, what each value gave, what speed costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from hcfres.reporting.palette import ORACLE, colours

MIOU = "mIoU on held-out training spaces (%)"
_BLUE, _ORANGE = colours(("trial", "best")).values()
_PANELS_A_ROW = 3
_LETTERS_A_PANEL = 36
_SPREAD = 0.12  # of a choice's width, so that equal scores stay apart


@dataclass(frozen=True)
class Tried:
    """One trial with a score."""

    number: int
    miou: float
    """A fraction, on held-out training spaces."""
    pruned: bool
    """Its score is of the epoch it was ended at."""
    latency_ms: float | None
    values: Mapping[str, str | float]
    """By path, of what was asked for: a text for a choice, a number on an axis."""


@dataclass(frozen=True)
class Tuned:
    """One value that was searched."""

    path: str
    choices: tuple[str, ...]
    """In the order of the axis; empty for numbers of a range."""
    log: bool
    """Whether the axis is in ratios."""


def history(tried: Sequence[Tried], base: float | None, title: str) -> Figure:
    """Draw every trial in order, and the best so far.

    Args:
        tried: in the order of their numbers.
        base: score of the base method, a fraction; None where it has none yet.
        title: of the search.
    """
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    ended = [one for one in tried if not one.pruned]
    pruned = [one for one in tried if one.pruned]
    _dots(axes, [one.number for one in ended], ended, label="trained to the last epoch")
    if pruned:
        scores = [100 * one.miou for one in pruned]
        axes.plot([p.number for p in pruned], scores, "x", color=ORACLE, label="pruned before")
    if ended:
        best = np.maximum.accumulate([100 * one.miou for one in ended])
        numbers = [one.number for one in ended]
        axes.step(numbers, best, where="post", color=_ORANGE, linewidth=1.6, label="best so far")
    if base is not None:
        axes.axhline(100 * base, color=ORACLE, linewidth=1, linestyle="--", label="the base")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial")
    axes.set_ylabel(MIOU)
    axes.legend(frameon=False, fontsize=9)
    _dress(axes)
    figure.suptitle(title, fontsize=11, parse_math=False)
    return figure


def importances(shares: Mapping[str, float], title: str) -> Figure:
    """Draw how much of the scores' variance each value accounts for, the most on top.

    Args:
        shares: by path; fractions that add to 1.
        title: of the search.
    """
    order = sorted(shares, key=lambda path: shares[path])
    figure = Figure(figsize=(8, 1.2 + 0.4 * len(order)), layout="constrained")
    axes = figure.subplots()
    drawn = axes.barh(order, [100 * shares[path] for path in order], color=_BLUE)
    axes.bar_label(drawn, fmt="%.0f", padding=4, fontsize=9)
    axes.set_xlabel("share of the variance of the mIoU (%)")
    axes.set_xlim(0, 112)
    _dress(axes)
    figure.suptitle(title, fontsize=11, parse_math=False)
    return figure


def slices(tried: Sequence[Tried], tuned: Sequence[Tuned], title: str) -> Figure:
    """Draw the score against each value, one panel a path.

    Pruned trials are left out, and of each panel those for which its value was not asked.
    """
    ended = [one for one in tried if not one.pruned]
    rows = -(-len(tuned) // _PANELS_A_ROW)
    columns = min(len(tuned), _PANELS_A_ROW)
    figure = Figure(figsize=(3.6 * columns, 0.6 + 2.8 * rows), layout="constrained")
    panels = np.ravel(figure.subplots(rows, columns, sharey=True, squeeze=False))
    for axes, one in zip(panels, tuned, strict=False):
        _slice(axes, one, ended)
    for axes in panels[len(tuned) :]:
        axes.set_visible(False)
    figure.supylabel(MIOU, fontsize=10)
    figure.suptitle(title, fontsize=11, parse_math=False)
    return figure


def front(tried: Sequence[Tried], best: Sequence[int], title: str) -> Figure:
    """Draw the score against the time of a sentence, and the trials that none beats in both.

    Args:
        tried: those with a latency are drawn.
        best: numbers of the trials on the front.
        title: of the search.
    """
    timed = [(one.latency_ms, one) for one in tried if one.latency_ms is not None]
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    _dots(axes, [time for time, _ in timed], [one for _, one in timed], label="trials")
    edge = sorted((time, 100 * one.miou, one.number) for time, one in timed if one.number in best)
    times, scores = [time for time, _, _ in edge], [score for _, score, _ in edge]
    axes.plot(times, scores, "o-", color=_ORANGE, linewidth=1.6, label="none better in both")
    for time, score, number in edge:
        axes.annotate(str(number), (time, score), (5, 5), textcoords="offset points")
    axes.set_xlabel("a scene and one sentence (ms)")
    axes.set_ylabel(MIOU)
    axes.legend(frameon=False, fontsize=9)
    _dress(axes)
    figure.suptitle(title, fontsize=11, parse_math=False)
    return figure


def _slice(axes: Axes, tuned: Tuned, ended: Sequence[Tried]) -> None:
    asked = [one for one in ended if tuned.path in one.values]
    values = [one.values[tuned.path] for one in asked]
    axes.set_title(tuned.path, fontsize=10, parse_math=False)
    _dress(axes)
    if tuned.log:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    if not tuned.choices:
        _dots(axes, values, asked)
        return
    spread = _SPREAD * np.sin(2.4 * np.arange(len(asked)))
    places = np.array([tuned.choices.index(str(value)) for value in values], float)
    _dots(axes, list(places + spread), asked)
    _name_choices(axes, tuned.choices)


def _name_choices(axes: Axes, choices: Sequence[str]) -> None:
    """Write the choices under the axis, aslant where they would run into each other."""
    ticks = axes.set_xticks(range(len(choices)), choices, parse_math=False)
    axes.set_xlim(-0.5, len(choices) - 0.5)
    if len(choices) * max(map(len, choices)) > _LETTERS_A_PANEL:
        for tick in ticks:
            tick.label1.set(rotation=20, ha="right", rotation_mode="anchor")


def _dots(axes: Axes, places: Sequence, tried: Sequence[Tried], label: str = "_") -> None:
    scores = [100 * one.miou for one in tried]
    axes.plot(places, scores, "o", color=_BLUE, markersize=5, alpha=0.7, label=label)


def _dress(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
