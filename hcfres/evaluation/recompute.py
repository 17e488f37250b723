"""Every accuracy again from predictions.parquet alone, with thresholds moved at will."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Bool, Float
from pydantic_core import from_json

from hcfres.data.errors import DataError
from hcfres.evaluation.answers import FIRES
from hcfres.evaluation.arrow_lists import array, lengths, owners, sums, values
from hcfres.evaluation.groups import GroupMetrics, group_metrics
from hcfres.evaluation.intervals import Intervals, common_counts, intervals_of, merged
from hcfres.evaluation.metrics import Overlap, answers_nothing, intersection_over_union
from hcfres.evaluation.prediction_checks import (
    AGAIN,
    Answered,
    Part,
    checked_table,
    parsed_source,
)
from hcfres.evaluation.prediction_columns import COLUMNS, FORMAT, LACKING
from hcfres.evaluation.predictions import PredictionSource
from hcfres.evaluation.runs import decode_logits


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


AS_EVALUATED = Thresholds()
ROWS = 512
"""Rows of a file that are in memory at a time."""


def evaluate_file(path: Path, thresholds: Thresholds = AS_EVALUATED) -> GroupMetrics:
    """Recompute the group metrics from masks and counts; the stored `iou` is not looked at.

    Raises:
        DataError: `path` is no predictions file of this format, or holds no masks.
        ValueError: the thresholds ask for masks that the file does not hold.
    """
    kinds: list[str] = []
    found = [(np.zeros(0), np.zeros(0, dtype=bool))]
    for part in read_parts(path):
        kinds += part.table["eval_type"].to_pylist()
        found.append(expression_scores(part, thresholds))
    ious, nothing = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return group_metrics(kinds, ious, nothing)


def read_predictions(path: Path) -> PredictionTable:
    """Open a predictions file, all of it.

    Raises:
        DataError: the file is missing, damaged, of another format, or lacks a column.
    """
    parts = list(read_parts(path))
    whole = pa.concat_tables([part.table for part in parts])
    return PredictionTable(parts[0].source, whole.combine_chunks())


def read_parts(path: Path, rows: int = ROWS) -> Iterator[PredictionTable]:
    """Open a predictions file some rows at a time, in order; at least one part, perhaps of none.

    Raises:
        DataError: as `read_predictions`; a part that is wrong, when it is reached.
    """
    with ExitStack() as closing:
        with _readable(path):
            file = closing.enter_context(pq.ParquetFile(path))
            source = _described(path, file.schema_arrow)
            sizes = _group_sizes(file)
        first, asked = 0, Answered(path, source)
        for groups in _together(sizes, rows):
            with _readable(path):
                table = file.read_row_groups(groups)
            part = Part(path, first)
            table = checked_table(part, table, source.holds)
            asked.take(part, table)
            yield PredictionTable(source, table)
            first += len(table)
        asked.require_all()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        said = f"not a readable parquet file ({error})"[:500]
        raise DataError(path, said, AGAIN) from None


def _described(path: Path, schema: pa.Schema) -> PredictionSource:
    about = (schema.metadata or {}).get(b"hcfres", b"{}")
    if (found := _format(about)) != FORMAT:
        older = f"; {LACKING[found]}" if found in LACKING else ""
        reason = f"predictions of format {found}, where {FORMAT} is read{older}"
        raise DataError(path, reason, AGAIN)
    names = schema.names
    if missing := COLUMNS.keys() - set(names):
        raise DataError(path, f"columns are missing: {', '.join(sorted(missing))}", AGAIN)
    if len(set(names)) != len(names):
        raise DataError(path, "a column comes twice", AGAIN)
    return parsed_source(path, about)


def _group_sizes(file: pq.ParquetFile) -> list[int]:
    return [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]


def _together(sizes: Sequence[int], rows: int) -> Iterator[list[int]]:
    """Row groups that follow each other, about `rows` rows of them at a time."""
    some: list[int] = []
    count = 0
    for group, size in enumerate(sizes):
        some.append(group)
        count += size
        if count >= rows:
            yield some
            some, count = [], 0
    if some or not sizes:
        yield some


def _format(about: bytes) -> object:
    """The number of a file's format, `none` where it has none."""
    try:
        told = from_json(about)
    except ValueError:
        return "none"
    return told.get("format", "none") if isinstance(told, dict) else "none"


def expression_scores(
    opened: PredictionTable, thresholds: Thresholds = AS_EVALUATED
) -> tuple[Float[np.ndarray, " expressions"], Bool[np.ndarray, " expressions"]]:
    """IoU of each row, and whether it was answered with nothing, under `thresholds`.

    Raises:
        DataError: the file holds boxes, of which no vertex is known.
        ValueError: the thresholds ask for what the file does not hold.
    """
    _require_answerable(opened.source, thresholds)
    found, fired = _overlaps(opened, thresholds)
    least = opened.source.min_points if thresholds.min_points is None else thresholds.min_points
    if opened.source.rule == "res":
        least = 0
    nothing = answers_nothing(found, fired, least)
    zero_target = lengths(opened.table["object_ids"]) == 0
    return intersection_over_union(found, nothing, zero_target), nothing


def _require_answerable(source: PredictionSource, thresholds: Thresholds) -> None:
    if source.holds == "boxes":
        reason = "boxes have no vertices: only the box-level F1 can be made of them"
        raise DataError(f"predictions of {source.cell_key}", reason)
    if source.holds != "queries" and (thresholds.indicator != FIRES or thresholds.mask_logit != 0):
        raise ValueError(
            f"a file of {source.holds} has neither indicators nor logits to move a threshold of"
        )
    if thresholds.indicator < FIRES:
        raise ValueError(
            f"indicator threshold {thresholds.indicator} is below {FIRES}: the file has no masks "
            "of queries that did not fire"
        )
    if thresholds.indicator > FIRES and thresholds.mask_logit != 0:
        raise ValueError("move the threshold of the indicator or of the mask, not of both")


def _overlaps(
    opened: PredictionTable, thresholds: Thresholds
) -> tuple[Overlap, Bool[np.ndarray, " expressions"]]:
    """Counted vertices of each row, and whether any query fires."""
    table, source, count = opened.table, opened.source, len(opened.table)
    if thresholds.mask_logit != 0:
        return _overlaps_of_logits(table, thresholds.mask_logit)
    line = _Line(table)
    target = line.masks(table["target_runs"])
    true = target.counts(count)
    if thresholds.indicator == FIRES or source.rule == "res":
        answered = line.masks(table["union_runs"])
        predicted = answered.counts(count)
        fired = predicted > 0 if source.holds == "union" else lengths(table["instances"]) > 0
    else:
        answered, fired = line.surest(table["instances"], thresholds.indicator)
        predicted = answered.counts(count)
    return Overlap(predicted, true, common_counts(answered, target, count)), fired


class _Line:
    """The line on which the masks of a table's rows stand one after the other."""

    def __init__(self, table: pa.Table) -> None:
        points = sums(table["target_runs"])
        self._places = np.cumsum(points) - points

    def masks(self, runs: pa.ChunkedArray) -> Intervals:
        """A mask for each row."""
        rows = np.arange(len(runs), dtype=np.int64)
        return intervals_of(values(runs).astype(np.int64), lengths(runs), self._places, rows)

    def surest(
        self, instances: pa.ChunkedArray, least: float
    ) -> tuple[Intervals, Bool[np.ndarray, " rows"]]:
        """For each row the union of the instances whose indicator is above `least`; any there."""
        flat = pc.list_flatten(instances)
        chosen = array(pc.struct_field(flat, "indicator")) > least
        runs = pc.struct_field(flat, "runs").filter(pa.array(chosen))
        owner = owners(instances)[chosen]
        run_lengths = values(runs).astype(np.int64)
        parts = intervals_of(run_lengths, lengths(runs), self._places[owner], owner)
        return merged(parts), np.bincount(owner, minlength=len(instances)) > 0


def _overlaps_of_logits(
    table: pa.Table, threshold: float
) -> tuple[Overlap, Bool[np.ndarray, " expressions"]]:
    count = len(table)
    rows = owners(table["superpoint_points"])
    sizes, true = values(table["superpoint_points"]), values(table["superpoint_true"])
    fired = array(pc.binary_length(table["union_logits"])) > 0
    chosen = np.zeros(rows.size, dtype=bool)
    codes = np.frombuffer(b"".join(table["union_logits"].to_pylist()), dtype=np.uint8)
    chosen[fired[rows]] = decode_logits(codes) >= threshold
    weights = (sizes * chosen, true, true * chosen)
    counted = (np.bincount(rows, weight, count).astype(np.int64) for weight in weights)
    return Overlap(*counted), fired
