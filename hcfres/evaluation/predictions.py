"""predictions.parquet: one row an expression, enough to recompute and to question every number.

The columns and their meaning stand in COLUMNS and are written into the file itself.
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

from hcfres.evaluation.answers import SceneAnswers, SceneTruth, Scores
from hcfres.evaluation.runs import LOGIT_STEP, encode_logits, encode_runs
from hcfres.model.output import Rule
from hcfres.store.errors import writing_failed

FORMAT = 1

_RUNS = "lengths of runs over the mesh vertices in file order, the first run being outside"

COLUMNS: dict[str, tuple[pa.DataType, str]] = {
    "dataset": (pa.string(), "name of the annotations"),
    "dataset_version": (pa.string(), "version of scans and annotations"),
    "dataset_hash": (pa.string(), "hash of scans and annotations"),
    "split": (pa.string(), "train or val"),
    "scene_id": (pa.string(), "scan"),
    "object_ids": (pa.list_(pa.int32()), "targets; empty for a zero-target expression"),
    "ann_id": (pa.int32(), "annotation; with scene_id and object_ids it names the expression"),
    "object_name": (pa.string(), "described class, underscores for spaces"),
    "description": (pa.string(), "the sentence"),
    "eval_type": (pa.string(), "zt_w_d, zt_wo_d, st_w_d, st_wo_d or mt"),
    "spatial": (pa.bool_(), "the sentence uses position"),
    "color": (pa.bool_(), "the sentence uses colour"),
    "texture": (pa.bool_(), "the sentence uses texture"),
    "shape": (pa.bool_(), "the sentence uses shape"),
    "iou": (pa.float64(), "point-level IoU after the zero-target rule"),
    "nothing": (pa.bool_(), "answered with 'no such object' (no query fired, or < min_points)"),
    "predicted_points": (pa.int32(), "vertices of the union of the fired queries' masks"),
    "true_points": (pa.int32(), "vertices of the targets"),
    "common_points": (pa.int32(), "vertices of both"),
    "union_runs": (pa.list_(pa.uint32()), f"union mask before the min_points rule: {_RUNS}"),
    "target_runs": (pa.list_(pa.uint32()), f"target mask: {_RUNS}"),
    "instances": (
        pa.list_(
            pa.struct(
                [
                    ("query", pa.int32()),
                    ("indicator", pa.float32()),
                    ("score", pa.float32()),
                    ("runs", pa.list_(pa.uint32())),
                ]
            )
        ),
        f"queries that fired: place in indicators, probability, predicted IoU, mask ({_RUNS})",
    ),
    "indicators": (pa.list_(pa.float32()), "each query's probability of being of a target"),
    "union_logits": (
        pa.binary(),
        "largest mask logit over fired queries, one byte q a superpoint: the logit lies in "
        "[(q - 128) * logit_step, (q - 127) * logit_step), clipped; empty when none fired",
    ),
    "superpoint_points": (pa.list_(pa.int32()), "vertices of each superpoint"),
    "superpoint_true": (pa.list_(pa.int32()), "target vertices of each superpoint"),
}
"""Type and meaning of each column, in order."""


@dataclass(frozen=True)
class PredictionSource:
    """What the predictions of a file have in common."""

    dataset: str
    dataset_version: str
    dataset_hash: str
    split: str
    rule: Rule
    min_points: int
    cell_key: str


def rows(
    source: PredictionSource, truth: SceneTruth, answers: SceneAnswers, scores: Scores
) -> Iterable[dict[str, Any]]:
    """One row for each expression of a scene, by the names of COLUMNS."""
    common = {
        "dataset_version": source.dataset_version,
        "dataset_hash": source.dataset_hash,
        "split": source.split,
        "scene_id": truth.scene.scene_id,
        "superpoint_points": truth.sizes,
    }
    for index in range(len(truth.expressions)):
        yield common | _asked(truth, index) | _answered(truth, answers, scores, index)


def _asked(truth: SceneTruth, index: int) -> dict[str, Any]:
    expression = truth.expressions[index]
    copied = ("dataset", "ann_id", "object_name", "description", "eval_type")
    flags = ("spatial", "color", "texture", "shape")
    return {name: getattr(expression, name) for name in (*copied, *flags)} | {
        "object_ids": list(expression.object_ids),
        "target_runs": encode_runs(truth.target(index)),
        "superpoint_true": truth.true[index],
    }


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
        }
        for query in np.flatnonzero(fired)
    ]
    return {
        "iou": float(scores.ious[index]),
        "nothing": bool(scores.nothing[index]),
        "predicted_points": int(scores.overlap.predicted[index]),
        "true_points": int(scores.overlap.true[index]),
        "common_points": int(scores.overlap.common[index]),
        "union_runs": encode_runs((union >= 0)[truth.labels]),
        "instances": instances,
        "indicators": answers.indicators[index].astype(np.float32),
        "union_logits": encode_logits(union).tobytes() if fired.any() else b"",
    }


def schema(source: PredictionSource) -> pa.Schema:
    """The columns with their meanings, and what the file's predictions have in common."""
    fields = [
        pa.field(name, kind, metadata={"meaning": meaning})
        for name, (kind, meaning) in COLUMNS.items()
    ]
    about = asdict(source) | {"format": FORMAT, "logit_step": LOGIT_STEP, "mask_threshold": 0.0}
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
        found = list(rows(self._source, truth, answers, scores))
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
