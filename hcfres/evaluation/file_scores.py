"""Every number of a predictions file in one pass over it."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hcfres.evaluation.box_metrics import SAME_OBJECT, BoxMetrics, box_metrics
from hcfres.evaluation.groups import GroupMetrics, group_metrics
from hcfres.evaluation.metrics import THRESHOLDS
from hcfres.evaluation.prediction_columns import LEVELS
from hcfres.evaluation.predictions import PredictionSource
from hcfres.evaluation.recompute import PredictionTable, expression_scores, read_parts
from hcfres.evaluation.recompute_boxes import expression_f1


@dataclass(frozen=True)
class FileScores:
    """What a file is worth, at the levels at which it can be scored."""

    source: PredictionSource
    points: GroupMetrics | None
    """IoU over vertices; None of a file of boxes."""
    boxes: BoxMetrics | None
    """Multi3DRefer's F1 of every box; None of a file without instances."""
    distinct_boxes: BoxMetrics | None
    """The same with one box an object: those that overlap a likelier one are dropped."""

    def box_scores(self) -> dict[str, float]:
        """Every box score: `box/group/f1_25` and so on, `box_distinct/...` besides."""
        named = {"box": self.boxes, "box_distinct": self.distinct_boxes}
        return {
            f"{name}/{key}": value
            for name, metrics in named.items()
            if metrics is not None
            for key, value in metrics.flat().items()
        }


@dataclass
class _Gathered:
    """Scores of the parts read so far."""

    kinds: list[str] = field(default_factory=list)
    ious: list[np.ndarray] = field(default_factory=list)
    nothing: list[np.ndarray] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    distinct: list[np.ndarray] = field(default_factory=list)

    def add(self, part: PredictionTable) -> None:
        levels = LEVELS[part.source.holds]
        self.kinds += part.table["eval_type"].to_pylist()
        if "point" in levels:
            ious, nothing = expression_scores(part)
            self.ious.append(ious)
            self.nothing.append(nothing)
        if "box" in levels:
            self.boxes.append(expression_f1(part))
            self.distinct.append(expression_f1(part, SAME_OBJECT))

    def scores(self, source: PredictionSource) -> FileScores:
        levels = LEVELS[source.holds]
        points = boxes = distinct = None
        if "point" in levels:
            points = group_metrics(
                self.kinds, np.concatenate(self.ious), np.concatenate(self.nothing)
            )
        if "box" in levels:
            none = np.zeros((0, len(THRESHOLDS)))
            boxes = box_metrics(self.kinds, np.concatenate([none, *self.boxes]))
            distinct = box_metrics(self.kinds, np.concatenate([none, *self.distinct]))
        return FileScores(source, points, boxes, distinct)


def score_file(path: Path) -> FileScores:
    """Score a file by the rules it was made under, some rows in memory at a time.

    Raises:
        DataError: `path` is no predictions file of this format.
    """
    parts = read_parts(path)
    gathered, part = _Gathered(), next(parts)
    gathered.add(part)
    for another in parts:
        gathered.add(another)
    return gathered.scores(part.source)
