"""predictions.parquet: one row an expression, enough to recompute and to question every number.

The columns and their meaning stand in COLUMNS and are written into the file itself, beside the
passports of the numbers that can be made from it.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool

from hcfres.evaluation.answers import SceneAnswers, SceneTruth, Scores
from hcfres.evaluation.boxes import box_around
from hcfres.evaluation.metrics import THRESHOLDS
from hcfres.evaluation.passport import NOT_SAID, Given, Level, Passport, passports_json
from hcfres.evaluation.prediction_columns import COLUMNS, FORMAT, LEVELS, Holds
from hcfres.evaluation.runs import LOGIT_STEP, encode_logits, encode_runs
from hcfres.model.output import Rule
from hcfres.store.errors import writing_failed


@dataclass(frozen=True)
class PredictionSource:
    """What the predictions of a file have in common."""

    dataset: str
    dataset_version: str
    dataset_hash: str
    """`Dataset.expressions_hash` of the split: of its sentences, not of its scans."""
    split: str
    rule: Rule
    min_points: int
    cell_key: str
    """Of the cell, or the name of another system."""
    expressions: int
    """How many the split has; all of them are in the file."""
    holds: Holds = "queries"
    given: Given = NOT_SAID

    @property
    def least(self) -> int:
        """The number of points below which an answer is "nothing"; 0 under "res"."""
        return self.min_points if self.rule == "gres" else 0

    def passport(self, level: Level) -> Passport:
        """The passport of every number of one level that is made from the file.

        Boxes know no rule about points: where our methods answer "nothing" by one, they have
        answered before their boxes are looked at, and other systems' boxes are not held to it.
        """
        return Passport(
            level=level,
            thresholds=THRESHOLDS,
            strict=level != "box",
            min_points=0 if level == "box" else self.least,
            dataset=self.dataset,
            split=self.split,
            split_hash=self.dataset_hash,
            given=self.given,
        )

    @property
    def passports(self) -> tuple[Passport, ...]:
        """Those of all levels at which the file can be scored."""
        return tuple(self.passport(level) for level in LEVELS[self.holds])


def rows(
    source: PredictionSource, truth: SceneTruth, answers: SceneAnswers, scores: Scores
) -> Iterable[dict[str, Any]]:
    """One row for each expression of a scene, by the names of COLUMNS."""
    for index in range(len(truth.expressions)):
        yield asked_columns(source, truth, index) | _answered(truth, answers, scores, index)


def asked_columns(source: PredictionSource, truth: SceneTruth, index: int) -> dict[str, Any]:
    """The columns that say what was asked and what is true, whoever answers."""
    common = {
        "dataset_version": source.dataset_version,
        "dataset_hash": source.dataset_hash,
        "split": source.split,
        "scene_id": truth.scene.scene_id,
    }
    expression = truth.expressions[index]
    copied = ("dataset", "ann_id", "object_name", "description", "eval_type")
    flags = ("spatial", "color", "texture", "shape")
    return (
        common
        | {name: getattr(expression, name) for name in (*copied, *flags)}
        | {
            "object_ids": list(expression.object_ids),
            "target_runs": encode_runs(truth.target(index)),
            "target_boxes": truth.target_boxes(index),
        }
    )


def _answered(
    truth: SceneTruth, answers: SceneAnswers, scores: Scores, index: int
) -> dict[str, Any]:
    fired = answers.fired[index]
    union = answers.union[index]
    instances = [
        {
            "query": int(query),
            "indicator": float(answers.indicators[index, query]),
            "score": float(answers.scores[index, query]),
            "runs": encode_runs((answers.logits[index, query] >= 0)[truth.labels]),
            "box": _box(truth, answers.logits[index, query] >= 0),
        }
        for query in np.flatnonzero(fired)
    ]
    return {
        **counted(scores, index),
        "union_runs": encode_runs((union >= 0)[truth.labels]),
        "instances": instances,
        "indicators": answers.indicators[index].astype(np.float32),
        "union_logits": encode_logits(union).tobytes() if fired.any() else b"",
        "superpoint_points": truth.sizes,
        "superpoint_true": truth.true[index],
    }


def counted(scores: Scores, index: int) -> dict[str, Any]:
    """The columns of the score and of what was counted for it."""
    return {
        "iou": float(scores.ious[index]),
        "nothing": bool(scores.nothing[index]),
        "predicted_points": int(scores.overlap.predicted[index]),
        "true_points": int(scores.overlap.true[index]),
        "common_points": int(scores.overlap.common[index]),
    }


def _box(truth: SceneTruth, chosen: Bool[np.ndarray, " superpoints"]) -> np.ndarray:
    boxes = truth.superpoint_boxes[chosen & (truth.sizes > 0)]
    found = box_around(boxes)
    return np.zeros(0, dtype=np.float32) if found is None else found


def schema(source: PredictionSource) -> pa.Schema:
    """The columns with their meanings, and what the file's predictions have in common."""
    fields = [
        pa.field(name, kind, metadata={"meaning": meaning})
        for name, (kind, meaning) in COLUMNS.items()
    ]
    about = asdict(source) | {
        "format": FORMAT,
        "logit_step": LOGIT_STEP,
        "mask_threshold": 0.0,
        "passports": passports_json(source.passports),
    }
    return pa.schema(fields, metadata={"hcfres": json.dumps(about, sort_keys=True)})


class PredictionWriter:
    """Writes scene after scene; the file appears under its name only when complete."""

    def __init__(self, path: Path, source: PredictionSource) -> None:
        self._path = path
        self._source = source
        self._partial = path.with_name(f".{path.name}.partial")

    def __enter__(self) -> "PredictionWriter":
        with self._explained():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            described = schema(self._source)
            self._file = pq.ParquetWriter(self._partial, described, compression="zstd")
        return self

    def write(self, truth: SceneTruth, answers: SceneAnswers, scores: Scores) -> None:
        """Append the expressions of one scene.

        Raises:
            StoreError: the disk is full or refuses.
        """
        self.write_rows(list(rows(self._source, truth, answers, scores)))

    def write_rows(self, found: list[dict[str, Any]]) -> None:
        """Append rows by the names of COLUMNS; a name that is left out is null.

        Raises:
            StoreError: the disk is full or refuses.
        """
        with self._explained():
            self._file.write_table(pa.Table.from_pylist(found, schema=self._file.schema))

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            with self._explained():
                self._file.close()
                if kind is None:
                    self._partial.replace(self._path)
        finally:
            self._partial.unlink(missing_ok=True)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise writing_failed(self._path, error) from error
