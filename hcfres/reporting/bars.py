"""What the scores of a grid are worth: beside trivial predictors, the class oracle, the ceiling."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hcfres.reporting.palette import ORACLE, TRIVIAL, colours

SCORES = {"miou": "mIoU", "acc_25": "Acc@0.25", "acc_50": "Acc@0.5"}
PREDICTORS: dict[str, tuple[str, Literal["trivial", "oracle"]]] = {
    "nothing": ("always nothing", "trivial"),
    "everything": ("the whole scan", "trivial"),
    "random_object": ("a random object", "trivial"),
    "class_oracle": ("oracle: all of the class", "oracle"),
    "best_superpoints": ("best superpoint mask", "oracle"),
}
"""Label and kind of each predictor that an evaluation scores on the same expressions."""


@dataclass(frozen=True)
class Scored:
    """One bar's name and its scores, one value a seed."""

    label: str
    kind: Literal["row", "trivial", "oracle"]
    values: dict[str, list[float]]
    """Fractions, by the names of SCORES."""


def row_scores(label: str, metrics: Sequence[Mapping[str, float]]) -> Scored:
    """Take a row's scores from the metrics of its cells."""
    return Scored(label, "row", _values(metrics, "val/all"))


def predictor_scores(metrics: Sequence[Mapping[str, float]]) -> tuple[Scored, ...]:
    """Take the scores of the predictors in PREDICTORS; those that were not scored are left out."""
    scored = (
        Scored(label, kind, _values(metrics, f"yardstick/{name}/all"))
        for name, (label, kind) in PREDICTORS.items()
    )
    return tuple(each for each in scored if each.values["miou"])


def _values(metrics: Sequence[Mapping[str, float]], where: str) -> dict[str, list[float]]:
    return {
        score: [cell[f"{where}/{score}"] for cell in metrics if f"{where}/{score}" in cell]
        for score in SCORES
    }


def score_bars(scored: Sequence[Scored], title: str, setting: str) -> Figure:
    """Draw one panel a score: the trivial predictors, the rows, the oracles, from the top.

    Args:
        scored: bars in any order.
        title: of the grid.
        setting: what the cells were computed on, for the title.
    """
    order = {"trivial": 0, "row": 1, "oracle": 2}
    bars = sorted(scored, key=lambda bar: order[bar.kind])
    tints = colours(bar.label for bar in bars if bar.kind == "row")
    fill = [tints.get(b.label, TRIVIAL if b.kind == "trivial" else ORACLE) for b in bars]
    figure = Figure(figsize=(11, 1.4 + 0.36 * len(bars)), layout="constrained")
    panels = figure.subplots(1, len(SCORES), sharey=True)
    for axes, (score, name) in zip(panels, SCORES.items(), strict=True):
        means, spread = zip(*(_mean_and_spread(bar.values[score]) for bar in bars), strict=True)
        drawn = axes.barh(range(len(bars)), means, xerr=spread, color=fill)
        axes.bar_label(drawn, fmt="%.1f", padding=4, fontsize=8)
        axes.set_title(f"{name} (%)", fontsize=10)
        axes.set_xlim(0, 112)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(range(len(bars)), [bar.label for bar in bars], parse_math=False)
    panels[0].invert_yaxis()
    known = [
        Patch(color=TRIVIAL, label="reads no sentence"),
        Patch(color=ORACLE, label="reads the truth"),
    ]
    figure.legend(handles=known, loc="outside lower right", ncols=2, frameon=False, fontsize=8)
    heading = f"{title}: validation expressions of {setting}"
    figure.suptitle(heading, fontsize=11, parse_math=False)
    return figure


def _mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """In per cent; no spread of one seed, no mean of none."""
    mean = statistics.fmean(values) if values else float("nan")
    return 100 * mean, 100 * statistics.stdev(values) if len(values) > 1 else 0.0
