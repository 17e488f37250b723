"""Multi3DRefer's box F1 again from predictions.parquet alone."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float, Int64

from hcfres.data.errors import DataError
from hcfres.evaluation.arrow_lists import array, lengths, owners, starts, values
from hcfres.evaluation.box_metrics import BoxMetrics, box_f1, box_metrics
from hcfres.evaluation.boxes import distinct, stacked
from hcfres.evaluation.metrics import THRESHOLDS
from hcfres.evaluation.prediction_columns import LEVELS
from hcfres.evaluation.recompute import (
    AS_EVALUATED,
    PredictionTable,
    Thresholds,
    expression_scores,
)


def box_scores(opened: PredictionTable, same_object: float | None = None) -> BoxMetrics:
    """The group metrics of `expression_f1`."""
    scores = expression_f1(opened, same_object)
    return box_metrics(opened.table["eval_type"].to_pylist(), scores)


def expression_f1(
    opened: PredictionTable, same_object: float | None = None
) -> Float[np.ndarray, "expressions thresholds"]:
    """F1 of each row at each of THRESHOLDS.

    Each fired query, or each instance of another system, predicts the box of its mask; a network
    of ours that answers "nothing" for its mask is too small predicts none. What other systems
    predict stands as it is, whether they tell masks or boxes.

    Args:
        opened: a file of queries, instances or boxes.
        same_object: a box is dropped that overlaps a likelier one by this IoU; None: no box is,
            and several queries that fire for one object are that many predictions.

    Raises:
        DataError: the file has one mask an answer, of which no instance is known.
    """
    if "box" not in LEVELS[opened.source.holds]:
        raise DataError(
            f"predictions of {opened.source.cell_key}",
            "one mask of everything meant says nothing of instances: there are no boxes to score",
        )
    table = opened.table
    predicted, owner = _predicted(table)
    kept = ~_silent(opened)[owner]
    predicted, owner = predicted[kept], owner[kept]
    boxes_of = starts(owner, len(table))
    targets = stacked(values(pc.list_flatten(table["target_boxes"])))
    targets_of = starts(owners(table["target_boxes"]), len(table))
    scores = np.zeros((len(table), len(THRESHOLDS)))
    for row in range(len(table)):
        boxes = predicted[boxes_of[row] : boxes_of[row + 1]]
        if same_object is not None and len(boxes) > 1:
            boxes = boxes[distinct(boxes, same_object)]
        scores[row] = box_f1(boxes, targets[targets_of[row] : targets_of[row + 1]])
    return scores


def _predicted(
    table: pa.Table,
) -> tuple[Float[np.ndarray, "boxes 6"], Int64[np.ndarray, " boxes"]]:
    """Every box with its row, each row's likeliest first; instances without vertices have none."""
    instances = pc.list_flatten(table["instances"])
    owner = owners(table["instances"])
    boxes = pc.struct_field(instances, "box")
    there = lengths(boxes) == 6
    chance = array(pc.fill_null(pc.struct_field(instances, "indicator"), 0.0))[there]
    owner, found = owner[there], stacked(values(boxes))
    order = np.lexsort((-chance, owner))
    return found[order], owner[order]


def _silent(opened: PredictionTable, rules: Thresholds = AS_EVALUATED) -> Bool[np.ndarray, " rows"]:
    """The answers of "nothing", by a rule that is part of our methods."""
    if opened.source.holds != "queries":
        return np.zeros(len(opened.table), dtype=bool)
    return expression_scores(opened, rules)[1]
