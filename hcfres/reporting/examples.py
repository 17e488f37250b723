"""Masks of several methods for the same sentences, as in Fig. 4 of the paper."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from hcfres.data.errors import DataError
from hcfres.data.scene import Scene
from hcfres.evaluation.recompute import PredictionTable
from hcfres.evaluation.runs import decode_runs
from hcfres.reporting.captions import put_above
from hcfres.reporting.panels import faded, without_gaps
from hcfres.reporting.views import best_corner, cloud_view

SHOWN = ("zt_w_d", "st_wo_d", "st_w_d", "mt")
"""The groups of which one expression each is shown."""
_PANEL = (450, 600)


@dataclass(frozen=True)
class Example:
    """One expression and what one file of predictions says of it."""

    scene_id: str
    object_ids: tuple[int, ...]
    ann_id: int
    eval_type: str
    description: str
    iou: float
    nothing: bool
    answered: Bool[np.ndarray, " points"]
    """Empty when the answer is "nothing"."""
    true: Bool[np.ndarray, " points"]

    @property
    def key(self) -> str:
        """Name the expression, as `Expression.key` does."""
        return _key({name: getattr(self, name) for name in _NAMES})


_NAMES = ("scene_id", "object_ids", "ann_id")


def choose(predictions: PredictionTable) -> tuple[str, ...]:
    """Name one expression of each group in SHOWN, by a rule that knows no prediction.

    Of each group the expression whose key has the smallest sha256, in a scene not shown yet
    where there is one.
    """
    rows = predictions.table.select([*_NAMES, "eval_type"]).to_pylist()
    ranked = sorted(rows, key=lambda row: hashlib.sha256(_key(row).encode()).hexdigest())
    chosen: list[str] = []
    used: set[str] = set()
    for group in SHOWN:
        members = [row for row in ranked if row["eval_type"] == group]
        fresh = [row for row in members if row["scene_id"] not in used]
        for row in (fresh or members)[:1]:
            chosen.append(_key(row))
            used.add(row["scene_id"])
    return tuple(chosen)


def find_example(predictions: PredictionTable, key: str) -> Example:
    """Read one expression's answer.

    Raises:
        DataError: the file has no such expression.
    """
    table = predictions.table
    here = table.filter(pc.equal(table["scene_id"], key.split("|", maxsplit=1)[0]))
    for row in here.select([*_NAMES]).append_column("place", [list(range(len(here)))]).to_pylist():
        if _key(row) == key:
            return _example(here.slice(row["place"], 1).to_pylist()[0])
    raise DataError(
        f"predictions of cell {predictions.source.cell_key}",
        f"there is no expression {key}",
        "Compare cells of one grid: they answer the same expressions",
    )


def _example(row: dict) -> Example:
    answered = decode_runs(row["union_runs"])
    names = ("scene_id", "ann_id", "eval_type", "description", "iou", "nothing")
    return Example(
        **{name: row[name] for name in names},
        object_ids=tuple(row["object_ids"]),
        answered=np.zeros_like(answered) if row["nothing"] else answered,
        true=decode_runs(row["target_runs"]),
    )


def _key(row: dict) -> str:
    return f"{row['scene_id']}|{'_'.join(map(str, row['object_ids']))}|{row['ann_id']}"


def example_masks(
    rows: Sequence[tuple[str, PredictionTable]],
    read_scene: Callable[[str], Scene],
    title: str,
    setting: str,
) -> Figure:
    """Draw a line of pictures for each chosen expression: the truth, then each row's answer.

    Args:
        rows: label and predictions of each row, on the same expressions.
        read_scene: gives a scan by its name.
        title: of the grid.
        setting: what the cells were computed on, for the title.
    """
    keys = choose(rows[0][1])
    figure = Figure(figsize=(2.3 * (1 + len(rows)), 0.7 + 2.15 * len(keys)), layout="constrained")
    heading = f"{title}: validation expressions of {setting}, drawn by lot"
    figure.suptitle(heading, fontsize=11, parse_math=False)
    heights = [0.12, *[1.0] * len(keys)]
    header, *parts = figure.subfigures(1 + len(keys), 1, height_ratios=heights, squeeze=False)[:, 0]
    _name_columns(header, ["ground truth", *(label for label, _ in rows)])
    for part, key in zip(parts, keys, strict=True):
        found = [find_example(predictions, key) for _, predictions in rows]
        scene = read_scene(found[0].scene_id)
        put_above(part, f"“{found[0].description}”", 10, "italic")
        panels = part.subplots(1, 1 + len(rows))
        shown = found[0].true if found[0].true.any() else found[0].answered
        corner = best_corner(scene, shown)
        _draw(panels[0], scene, found[0].true, corner, _meant(found[0]))
        for axes, example in zip(panels[1:], found, strict=True):
            said = "nothing; " if example.nothing else ""
            _draw(axes, scene, example.answered, corner, f"{said}IoU {100 * example.iou:.0f} %")
    return figure


def _name_columns(header: SubFigure, names: Sequence[str]) -> None:
    for axes, name in zip(header.subplots(1, len(names)), names, strict=True):
        axes.axis("off")
        drawn = axes.text(0.5, 0.5, name, ha="center", va="center", fontsize=9, fontweight="bold")
        drawn.set_parse_math(False)


def _meant(example: Example) -> str:
    count = len(example.object_ids)
    return f"{count} target{'s' * (count != 1)}" if count else "no such object"


def _draw(
    axes: Axes, scene: Scene, mask: Bool[np.ndarray, " points"], corner: int, below: str
) -> None:
    axes.imshow(without_gaps(cloud_view(faded(scene), mask, *_PANEL, corner)))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xlabel(below, fontsize=8)
