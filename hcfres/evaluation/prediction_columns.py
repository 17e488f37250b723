"""The columns of predictions.parquet, and which of them a file leaves empty and why."""

from typing import Literal

import pyarrow as pa

from hcfres.evaluation.passport import Level

FORMAT = 3
"""2: boxes and passports are in the file, and predictions of other systems may be.
3: how many expressions there are."""
LACKING = {
    1: "it has neither boxes nor passports",
    2: "it does not say how many expressions it has",
}
"""What older formats are without."""

Holds = Literal["queries", "instances", "union", "boxes"]
"""What a file has of each answer: queries of a network of ours, or another system's masks of
instances, one mask of everything meant, or boxes."""

_RUNS = "lengths of runs over the mesh vertices in file order, the first run being outside"

_BOX = "box: lower and upper corner, metres in the axis-aligned frame of the scan"

COLUMNS: dict[str, tuple[pa.DataType, str]] = {
    "dataset": (pa.string(), "name of the annotations"),
    "dataset_version": (pa.string(), "version of scans and annotations"),
    "dataset_hash": (
        pa.string(),
        "hash of the file of annotations and of the split's list; none of scans",
    ),
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
    "target_boxes": (
        pa.list_(pa.list_(pa.float32())),
        f"of each target, in the order of object_ids: {_BOX}",
    ),
    "instances": (
        pa.list_(
            pa.struct(
                [
                    ("query", pa.int32()),
                    ("indicator", pa.float32()),
                    ("score", pa.float32()),
                    ("runs", pa.list_(pa.uint32())),
                    ("box", pa.list_(pa.float32())),
                ]
            )
        ),
        "queries that fired, or instances another system predicts: place in indicators, "
        f"probability, predicted IoU, mask ({_RUNS}), {_BOX}, none where the mask is empty",
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


_OF_QUERIES = ("indicators", "union_logits", "superpoint_points", "superpoint_true")
_OF_MASKS = ("iou", "predicted_points", "common_points", "union_runs")
UNFILLED: dict[Holds, tuple[str, ...]] = {
    "queries": (),
    "instances": _OF_QUERIES,
    "union": (*_OF_QUERIES, "instances"),
    "boxes": (*_OF_QUERIES, *_OF_MASKS),
}
"""The columns of which a file knows nothing; they are null throughout."""
LEVELS: dict[Holds, tuple[Level, ...]] = {
    "queries": ("point", "box"),
    "instances": ("point", "box"),
    "union": ("point",),
    "boxes": ("box",),
}
"""At which levels a file can be scored."""
