"""How the rows of a grid learnt: the loss and the held-out mIoU by epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hcfres.reporting.palette import colours
from hcfres.training.journal import EpochReport

TOTAL = "total"
"""The name of the whole loss among a report's losses."""


@dataclass(frozen=True)
class Curve:
    """One cell's journal, under the label of its row."""

    label: str
    reports: tuple[EpochReport, ...]


def training_curves(curves: Sequence[Curve], title: str, setting: str) -> Figure:
    """Draw the total loss on the left and the held-out mIoU on the right.

    Args:
        curves: one a cell; cells of one row share its label and colour.
        title: of the grid.
        setting: what the cells were computed on, for the title.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, mious = figure.subplots(1, 2)
    colour_of = colours([curve.label for curve in curves])
    named: set[str] = set()
    for curve in curves:
        style = {"color": colour_of[curve.label], "linewidth": 1.6}
        label = "_" if curve.label in named else curve.label
        named.add(curve.label)
        _line(losses, [(r.epoch, r.losses[TOTAL]) for r in curve.reports], label, style)
        checked = [
            (r.epoch, 100 * r.held_out_miou) for r in curve.reports if r.held_out_miou is not None
        ]
        _line(mious, checked, label, style | {"marker": "o", "markersize": 3})
    _dress(losses, "total loss (mean over the epoch)")
    _dress(mious, "mIoU on held-out training rooms (%)")
    for name in losses.legend(frameon=False, fontsize=9).get_texts():
        name.set_parse_math(False)
    figure.suptitle(f"{title}: training on {setting}", fontsize=11, parse_math=False)
    return figure


def _line(axes: Axes, points: list[tuple[int, float]], label: str, style: dict) -> None:
    axes.plot(
        [epoch + 1 for epoch, _ in points], [value for _, value in points], **style, label=label
    )


def _dress(axes: Axes, what: str) -> None:
    axes.set_xlabel("epoch")
    axes.set_title(what, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
