"""Answers of another system, held against the scans and written as predictions.parquet."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool

from hcfres.data.errors import DataError, too_many
from hcfres.data.expression import Expression
from hcfres.evaluation.answers import SceneTruth, Scores
from hcfres.evaluation.boxes import Box, box_of
from hcfres.evaluation.imported.answers import (
    Asked,
    ForeignAnswer,
    ForeignInstance,
    Opened,
    UnusableError,
)
from hcfres.evaluation.imported.box_files import open_boxes
from hcfres.evaluation.imported.mask_files import open_masks
from hcfres.evaluation.imported.mdin_rle import open_mdin_rle
from hcfres.evaluation.metrics import answers_nothing, intersection_over_union, overlap
from hcfres.evaluation.predictions import (
    PredictionSource,
    PredictionWriter,
    asked_columns,
    counted,
)
from hcfres.evaluation.runs import encode_runs
from hcfres.store.files import write_atomic

ForeignFormat = Literal["mdin-rle", "boxes", "masks"]
FORMATS: Mapping[ForeignFormat, Callable[[Path, Asked], Opened]] = {
    "mdin-rle": open_mdin_rle,
    "boxes": open_boxes,
    "masks": open_masks,
}
"""How each format is opened."""
_TOLD = 30


@dataclass(frozen=True)
class Split:
    """What is asked, and where the truth comes from."""

    expressions: tuple[Expression, ...]
    truth: Callable[[str, tuple[Expression, ...]], SceneTruth]
    """Of a scan and its expressions; superpoints are not looked at."""

    def by_scene(self) -> dict[str, tuple[Expression, ...]]:
        """The expressions of each scan, in their order."""
        found: dict[str, list[Expression]] = {}
        for one in self.expressions:
            found.setdefault(one.scene_id, []).append(one)
        return {scene_id: tuple(some) for scene_id, some in found.items()}


def import_predictions(
    path: Path,
    opened: Opened,
    split: Split,
    source: PredictionSource,
    target: Path,
) -> int:
    """Write every answer of a file into `target`, or nothing.

    Args:
        path: of the file, for errors.
        opened: the file, by one of FORMATS.
        split: whose expressions all have to be answered.
        source: of `target`; its `holds` is that of the file.
        target: a predictions.parquet. Where there are many problems, all of them are listed in
            a file beside it.

    Returns:
        How many expressions there are.

    Raises:
        DataError: unknown scans or annotations, answers that are missing, come twice, or are of
            another number of vertices.
        StoreError: the disk is full or refuses.
    """
    problems = [*opened.problems, *_unanswered(opened, split.expressions)]
    if not problems:
        try:
            with PredictionWriter(target, source) as file:
                for scene_id, expressions in split.by_scene().items():
                    truth = split.truth(scene_id, expressions)
                    rows = list(_rows(source, truth, opened, problems))
                    if not problems:
                        file.write_rows(rows)
                if problems:
                    raise _GivenUpError
        except _GivenUpError:
            pass
    if problems:
        raise _refused(path, problems, target)
    return len(split.expressions)


class _GivenUpError(Exception):
    """Leaves the writer so that no file remains."""


def _unanswered(opened: Opened, expressions: tuple[Expression, ...]) -> Iterator[str]:
    for one in expressions:
        if one.key not in opened.answers:
            yield f"expression {one.key} is not answered"


def _rows(
    source: PredictionSource, truth: SceneTruth, opened: Opened, problems: list[str]
) -> Iterator[dict[str, Any]]:
    """The rows of a scan, one answer in memory at a time; what is wrong joins `problems`."""
    for index, one in enumerate(truth.expressions):
        try:
            answer = opened.answers[one.key](truth.labels.size)
        except (UnusableError, DataError) as error:
            problems.append(f"expression {one.key}: {error}")
        else:
            yield asked_columns(source, truth, index) | _answered(source, truth, index, answer)


def _answered(
    source: PredictionSource, truth: SceneTruth, index: int, answer: ForeignAnswer
) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if answer.instances is not None:
        columns["instances"] = [
            _instance(number, one, truth) for number, one in enumerate(answer.instances)
        ]
    if source.holds == "boxes":
        columns["nothing"] = not answer.instances
        columns["true_points"] = int(truth.target(index).sum())
        return columns
    union = _union(answer, truth.labels.size)
    columns["union_runs"] = encode_runs(union)
    return columns | counted(_score(truth, index, union, bool(answer.instances), source.least), 0)


def _instance(number: int, one: ForeignInstance, truth: SceneTruth) -> dict[str, Any]:
    box: Box | None = one.box
    if one.mask is not None:
        box = box_of(truth.aligned, one.mask)
    return {
        "query": number,
        "indicator": one.score,
        "score": None,
        "runs": None if one.mask is None else encode_runs(one.mask),
        "box": [] if box is None else box,
    }


def _union(answer: ForeignAnswer, points: int) -> Bool[np.ndarray, " points"]:
    if answer.union is not None:
        return answer.union
    masks = [one.mask for one in answer.instances or () if one.mask is not None]
    return np.any(masks, axis=0) if masks else np.zeros(points, dtype=bool)


def _score(
    truth: SceneTruth,
    index: int,
    union: Bool[np.ndarray, " points"],
    predicts: bool,
    least: int,
) -> Scores:
    """By the rules of the evaluation: a system fires when it predicts an instance or a vertex."""
    found = overlap(union[None], truth.target(index)[None])
    nothing = answers_nothing(found, (found.predicted > 0) | predicts, least)
    zero_target = truth.zero_target[index : index + 1]
    return Scores(found, nothing, intersection_over_union(found, nothing, zero_target))


def _refused(path: Path, problems: list[str], target: Path) -> DataError:
    way_out = "`hcfres import-predictions --help` describes the formats"
    if len(problems) > _TOLD:
        listing = target.with_name(f"{target.stem}.problems.txt")
        write_atomic(listing, ("\n".join(problems) + "\n").encode())
        way_out = f"{listing} lists all of them; {way_out}"
    return DataError(path, too_many(problems, shown=_TOLD).rstrip(), way_out)
