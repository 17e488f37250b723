"""Whether a table of predictions is what PredictionWriter writes: types, masks, counts."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Int
from pydantic import TypeAdapter, ValidationError

from hcfres.data.errors import DataError
from hcfres.data.expression import EVAL_TYPES
from hcfres.evaluation.arrow_lists import array, lengths, owners, sums, values
from hcfres.evaluation.passport import read_passports
from hcfres.evaluation.prediction_columns import COLUMNS, UNFILLED, Holds
from hcfres.evaluation.predictions import PredictionSource

AGAIN = "Evaluate the cell, or import the predictions, again to write the file anew"
MOST_VERTICES = 1 << 26
"""Of one scan; masks of more are not unpacked."""
_SOURCE = TypeAdapter(PredictionSource)
_ALWAYS_NULL_TOO: dict[Holds, tuple[str, ...]] = {
    "queries": (),
    "instances": ("indicator", "score"),
    "union": (),
    "boxes": ("indicator", "score", "runs"),
}
"""What instances may lack."""


def parsed_source(path: Path, about: bytes) -> PredictionSource:
    """What the predictions of a file have in common, from its metadata.

    Raises:
        DataError: a value is missing or not of its type, all of them are named; or the passports
            are not those of the rest.
    """
    try:
        source = _SOURCE.validate_json(about, strict=True)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problems[:12])
        raise DataError(path, said, AGAIN, "metadata `hcfres`") from None
    told = json.dumps(json.loads(about).get("passports"))
    if read_passports(str(path), told) != source.passports:
        reason = "the passports are not those of what is told beside them"
        raise DataError(path, reason, AGAIN, "metadata `hcfres`")
    return source


@dataclass(frozen=True)
class Part:
    """Some rows of a file."""

    path: Path
    first: int = 0
    """Of the rows, counted in the file."""


class Answered:
    """The expressions of a file as they are read: each once and, in the end, all of the split."""

    def __init__(self, path: Path, source: PredictionSource) -> None:
        self._path, self._source = path, source
        self._rows: dict[tuple[str, int, tuple[int, ...]], int] = {}

    def take(self, part: Part, table: pa.Table) -> None:
        """Read some rows.

        Raises:
            DataError: a row is of another split than the file, or of an expression that was read.
        """
        for name in ("dataset", "dataset_version", "dataset_hash", "split"):
            same = array(pc.equal(table[name], getattr(self._source, name)))
            _require(part, same, f"`{name}` is not the file's, {getattr(self._source, name)[:60]}")
        columns = (table[name].to_pylist() for name in ("scene_id", "ann_id", "object_ids"))
        for row, (scene, ann, ids) in enumerate(zip(*columns, strict=True), part.first):
            before = self._rows.setdefault((scene, ann, tuple(ids)), row)
            if before != row:
                reason = f"answers the expression of row {before} again"
                raise DataError(self._path, reason, AGAIN, f"row {row}")

    def require_all(self) -> None:
        """Raise a DataError where the file is not of as many expressions as its split has."""
        if len(self._rows) != self._source.expressions:
            reason = f"{len(self._rows)} expressions of a split of {self._source.expressions}"
            raise DataError(self._path, reason, AGAIN)


def checked_table(part: Part, table: pa.Table, holds: Holds = "queries") -> pa.Table:
    """The table in the types of COLUMNS, once all its masks are over the vertices of their scan.

    Args:
        part: what `table` is of the file, for errors.
        table: the rows.
        holds: what the file has of each answer.

    Raises:
        DataError: values that cannot be of their column's type, or are missing where `holds`
            promises them, or there where it has none; an unknown eval_type; masks, boxes or
            counts of another number of vertices, superpoints or targets.
    """
    try:
        wanted = pa.schema([(name, kind) for name, (kind, _) in COLUMNS.items()])
        table = table.select(wanted.names)
        if table.schema != wanted:
            table = table.cast(wanted)
        table = table.combine_chunks()
        table.validate(full=True)
        _require_values(part, table, holds)
        _require_masks(part, table, holds)
        _require_boxes(part, table, holds)
    except pa.ArrowException as error:
        raise DataError(part.path, f"a column is not of its type ({error})"[:500], AGAIN) from None
    return table


def _require_values(part: Part, table: pa.Table, holds: Holds) -> None:
    for name in table.column_names:
        if name in UNFILLED[holds]:
            filled = ~array(table[name].is_null())
            _require(part, ~filled, f"`{name}` has a value, which files of {holds} do not know")
            continue
        missing = _missing(table[name], _ALWAYS_NULL_TOO[holds])
        if missing is not None:
            place = f"row {part.first + missing}"
            raise DataError(part.path, f"`{name}` lacks a value", AGAIN, place)
    known = np.isin(array(table["eval_type"]), EVAL_TYPES)
    _require(part, known, f"an eval_type that is none of {', '.join(EVAL_TYPES)}")
    _require_targets(part, table)


def _require_targets(part: Part, table: pa.Table) -> None:
    """eval_type and object_ids say the same, and nothing is a target of a zero-target row."""
    kinds = array(pc.utf8_slice_codeunits(table["eval_type"], 0, 2))
    targets = lengths(table["object_ids"])
    fits = np.select([kinds == "zt", kinds == "st"], [targets == 0, targets == 1], targets > 1)
    _require(part, fits, "an eval_type that object_ids contradict")
    empty = (array(table["true_points"]) == 0) & (lengths(table["target_runs"]) <= 1)
    _require(part, (targets > 0) | empty, "a zero-target expression with target vertices")


def _missing(column: pa.ChunkedArray, allowed: tuple[str, ...]) -> int | None:
    """A row of a column, or of what its lists and structures hold, without a value."""
    if column.null_count:
        return int(np.flatnonzero(array(column.is_null()))[0])
    if pa.types.is_list(column.type):
        within = _missing(pc.list_flatten(column), allowed)
        return None if within is None else int(owners(column)[within])
    if pa.types.is_struct(column.type):
        names = [name for name in _names(column.type) if name not in allowed]
        found = (_missing(pc.struct_field(column, name), allowed) for name in names)
        return next((row for row in found if row is not None), None)
    return None


def _names(kind: pa.DataType) -> list[str]:
    return [kind.field(place).name for place in range(kind.num_fields)]


def _require_masks(part: Part, table: pa.Table, holds: Holds) -> None:
    points = sums(table["superpoint_points" if holds == "queries" else "target_runs"])
    _require(part, points <= MOST_VERTICES, f"more than {MOST_VERTICES} vertices")
    if holds == "queries":
        _require_superpoints(part, table)
    for name in ("target_runs",) if holds == "boxes" else ("union_runs", "target_runs"):
        _require(part, sums(table[name]) == points, f"{name} is not over the scan's vertices")
    if holds in ("queries", "instances"):
        runs = pc.struct_field(pc.list_flatten(table["instances"]), "runs")
        owner = owners(table["instances"])
        whole = _all_of(sums(runs) == points[owner], owner, len(table))
        _require(part, whole, "an instance is not over the scan's vertices")


def _require_superpoints(part: Part, table: pa.Table) -> None:
    counts = {name: lengths(table[name]) for name in ("superpoint_points", "superpoint_true")}
    sizes, true = (values(table[name]) for name in counts)
    impossible = "superpoint_points and superpoint_true that cannot be"
    _require(part, counts["superpoint_points"] == counts["superpoint_true"], impossible)
    inside = (sizes >= 0) & (true >= 0) & (true <= sizes)
    rows = owners(table["superpoint_points"])
    _require(part, _all_of(inside, rows, len(table)), impossible)
    logits = array(pc.binary_length(table["union_logits"]))
    right = (logits == 0) | (logits == counts["superpoint_points"])
    _require(part, right, "union_logits is not over the superpoints")


def _require_boxes(part: Part, table: pa.Table, holds: Holds) -> None:
    targets = lengths(table["target_boxes"]) == lengths(table["object_ids"])
    _require(part, targets, "target_boxes are not one for each of object_ids")
    boxes = pc.list_flatten(table["target_boxes"])
    owner = owners(table["target_boxes"])
    _require(part, _all_of(_are_boxes(boxes), owner, len(table)), "target_boxes holds no box")
    if holds == "union":
        return
    boxes = pc.struct_field(pc.list_flatten(table["instances"]), "box")
    owner = owners(table["instances"])
    right = _are_boxes(boxes) | ((lengths(boxes) == 0) & (holds != "boxes"))
    _require(part, _all_of(right, owner, len(table)), "the box of an instance is none")


def _are_boxes(lists: pa.ChunkedArray) -> Bool[np.ndarray, " lists"]:
    """Whether each list is six finite numbers, the lower corner first."""
    right = lengths(lists) == 6
    owner, numbers = owners(lists), values(lists)
    right &= _all_of(np.isfinite(numbers), owner, right.size)
    corners = numbers[right[owner]].reshape(-1, 6)
    right[np.flatnonzero(right)[(corners[:, :3] > corners[:, 3:]).any(axis=1)]] = False
    return right


def _require(part: Part, right: Bool[np.ndarray, " rows"], what: str) -> None:
    if not right.all():
        row = part.first + int(np.flatnonzero(~right)[0])
        raise DataError(part.path, what, AGAIN, f"row {row}")


def _all_of(
    right: Bool[np.ndarray, " values"], rows: Int[np.ndarray, " values"], count: int
) -> Bool[np.ndarray, " rows"]:
    found = np.ones(count, dtype=bool)
    found[rows[~right]] = False
    return found
