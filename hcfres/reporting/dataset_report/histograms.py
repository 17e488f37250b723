"""Histograms, one colour a split, and the numbers that go with them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from hcfres.data.dataset import SPLITS, Split
from hcfres.reporting.dataset_report.images import figure_png
from hcfres.reporting.dataset_report.quantities import Quantity
from hcfres.reporting.palette import colours

_BINS = 40
_MOST_WHOLE = 40
"""Whole numbers beyond so many bars share bars."""


@dataclass(frozen=True)
class Summary:
    """One split's values in short."""

    split: Split
    count: int
    least: float
    median: float
    mean: float
    most: float


@dataclass(frozen=True)
class Histogram:
    """A quantity drawn and summarised."""

    title: str
    meaning: str
    png: bytes
    summaries: tuple[Summary, ...]


def histogram(quantity: Quantity) -> Histogram:
    """Draw the share of each split's values in each bin."""
    summaries = tuple(_summary(split, values) for split, values in quantity.values.items())
    return Histogram(quantity.title, quantity.meaning, figure_png(_draw(quantity)), summaries)


def edges(quantity: Quantity) -> Float[np.ndarray, " edges"]:
    """Bounds of the bins, common to all splits, ascending."""
    everything = np.concatenate(list(quantity.values.values()))
    least, most = everything.min(), everything.max()
    if quantity.axis == "whole":
        step = max(1, -(-int(most - least + 1) // _MOST_WHOLE))
        return np.arange(least - 0.5, most + step, step)
    if quantity.axis == "per cent":
        return np.linspace(0, 100, _BINS + 1)
    if quantity.axis == "logarithmic":
        return np.geomspace(max(least, 1), max(most, 1) + 1, _BINS + 1)
    if least == most:
        return np.array([least - 0.5, most + 0.5])
    if np.equal(everything, everything.round()).all():  # bins of equal numbers of whole values
        step = max(1, int(np.ceil((most - least + 1) / _BINS)))
        return np.arange(least - 0.5, most + step, step)
    return np.linspace(least, most, _BINS + 1)


def _draw(quantity: Quantity) -> Figure:
    figure = Figure(figsize=(4.6, 2.6), layout="constrained")
    axes = figure.subplots()
    bounds = edges(quantity)
    tints = colours(SPLITS)
    for split, values in quantity.values.items():
        if quantity.axis == "logarithmic":
            values = np.maximum(values, 1)  # noqa: PLW2901  an object without points is at the left edge
        heights = 100 * np.histogram(values, bounds)[0] / len(values)
        label = f"{split} ({len(values):,})"
        axes.stairs(heights, bounds, fill=True, alpha=0.35, color=tints[split])
        axes.stairs(heights, bounds, color=tints[split], linewidth=1.3, label=label)
    if quantity.axis == "logarithmic":
        axes.set_xscale("log")
    axes.set_xlabel(quantity.title, fontsize=9)
    axes.set_ylabel("per cent", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    return figure


def _summary(split: Split, values: Float[np.ndarray, " values"]) -> Summary:
    return Summary(
        split,
        len(values),
        float(values.min()),
        float(np.median(values)),
        float(values.mean()),
        float(values.max()),
    )
