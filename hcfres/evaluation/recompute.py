"""Every accuracy again from predictions.parquet alone, with thresholds moved at will."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Bool, Float

from hcfres.data.errors import DataError
from hcfres.evaluation.answers import FIRES
from hcfres.evaluation.groups import GroupMetrics, group_metrics
from hcfres.evaluation.metrics import Overlap, answers_nothing, intersection_over_union
from hcfres.evaluation.predictions import COLUMNS, FORMAT, PredictionSource
from hcfres.evaluation.runs import decode_logits, decode_runs


@dataclass(frozen=True)
class Thresholds:
    """What turns probabilities into an answer; the defaults are those of the evaluation."""

    indicator: float = FIRES
    """A query fires above this; at least 0.5, for the masks of the others are not in the file."""
    mask_logit: float = 0.0
    """A superpoint is inside from here on; multiples of 1/16 are exact."""
    min_points: int | None = None
    """Fewer predicted vertices mean "nothing"; None for the file's own."""


@dataclass(frozen=True)
class PredictionTable:
    """A predictions file that was opened and checked."""

    source: PredictionSource
    table: pa.Table


_AS_EVALUATED = Thresholds()
_AGAIN = "Evaluate the cell again to write its predictions anew"


def evaluate_file(path: Path, thresholds: Thresholds = _AS_EVALUATED) -> GroupMetrics:
    """Recompute the group metrics from masks and counts; the stored `iou` is not looked at.

    Raises:
        DataError: `path` is no predictions file of this format.
        ValueError: the thresholds ask for masks that the file does not hold.
    """
    opened = read_predictions(path)
    ious, nothing = expression_scores(opened, thresholds)
    return group_metrics(opened.table["eval_type"].to_pylist(), ious, nothing)


def read_predictions(path: Path) -> PredictionTable:
    """Open a predictions file.

    Raises:
        DataError: the file is missing, damaged, of another format, or lacks a column.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(path, f"not a readable parquet file ({error})", _AGAIN) from None
    about = json.loads((table.schema.metadata or {}).get(b"hcfres", b"{}"))
    if about.get("format") != FORMAT:
        found = about.get("format", "none")
        raise DataError(path, f"predictions of format {found}, where {FORMAT} is read", _AGAIN)
    if missing := COLUMNS.keys() - set(table.column_names):
        raise DataError(path, f"columns are missing: {', '.join(sorted(missing))}", _AGAIN)
    names = PredictionSource.__dataclass_fields__
    return PredictionTable(PredictionSource(**{name: about[name] for name in names}), table)


def expression_scores(
    opened: PredictionTable, thresholds: Thresholds = _AS_EVALUATED
) -> tuple[Float[np.ndarray, " expressions"], Bool[np.ndarray, " expressions"]]:
    """IoU of each row, and whether it was answered with nothing, under `thresholds`."""
    if thresholds.indicator < FIRES:
        raise ValueError(
            f"indicator threshold {thresholds.indicator} is below {FIRES}: the file has no masks "
            "of queries that did not fire"
        )
    if thresholds.indicator > FIRES and thresholds.mask_logit != 0:
        raise ValueError("move the threshold of the indicator or of the mask, not of both")
    batches = opened.table.to_batches(max_chunksize=64)  # python lists are ten times as large
    counted = [
        _counts(row, opened.source, thresholds) for batch in batches for row in batch.to_pylist()
    ]
    table = np.array(counted, dtype=np.int64).reshape(-1, 4)
    found, fired = Overlap(table[:, 0], table[:, 1], table[:, 2]), table[:, 3] > 0
    least = opened.source.min_points if thresholds.min_points is None else thresholds.min_points
    if opened.source.rule == "res":
        least = 0
    nothing = answers_nothing(found, fired, least)
    targets = pc.list_value_length(opened.table["object_ids"]).to_numpy()
    zero_target = (targets == 0).astype(bool)
    return intersection_over_union(found, nothing, zero_target), nothing


def _counts(
    row: dict[str, Any], source: PredictionSource, thresholds: Thresholds
) -> tuple[int, int, int, bool]:
    """Predicted, true and common vertices of a row, and whether any query fires."""
    if thresholds.mask_logit != 0:
        return _counts_of_logits(row, thresholds.mask_logit)
    target = decode_runs(row["target_runs"])
    if thresholds.indicator == FIRES or source.rule == "res":
        mask, fired = decode_runs(row["union_runs"]), bool(row["instances"])
    else:
        kept = [one for one in row["instances"] if one["indicator"] > thresholds.indicator]
        mask, fired = np.zeros(target.size, dtype=bool), bool(kept)
        for one in kept:
            mask |= decode_runs(one["runs"])
    return int(mask.sum()), int(target.sum()), int((mask & target).sum()), fired


def _counts_of_logits(row: dict[str, Any], threshold: float) -> tuple[int, int, int, bool]:
    true = np.array(row["superpoint_true"])
    codes = np.frombuffer(row["union_logits"], dtype=np.uint8)
    if not codes.size:
        return 0, int(true.sum()), 0, False
    chosen = decode_logits(codes) >= threshold
    sizes = np.array(row["superpoint_points"])
    return int(sizes[chosen].sum()), int(true.sum()), int(true[chosen].sum()), True
