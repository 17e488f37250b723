"""Axis-aligned boxes of masks: of ScanNet's scans after `axisAlignment`, as Multi3DRefer's are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

Box = Float32[np.ndarray, "6"]
"""Lower corner, then upper corner; metres in the axis-aligned frame of the scan."""


def aligned(
    vertices: Float[np.ndarray, "points 3"], alignment: Float[np.ndarray, "4 4"]
) -> Float32[np.ndarray, "points 3"]:
    """Vertices in the axis-aligned frame."""
    return (vertices @ alignment[:3, :3].T + alignment[:3, 3]).astype(np.float32)


def group_boxes(
    vertices: Float32[np.ndarray, "points 3"],
    group: Int[np.ndarray, " points"],
    count: int,
) -> Float32[np.ndarray, "groups 6"]:
    """The box around the vertices of each group 0..count-1; NaN around none."""
    order = np.argsort(group, kind="stable")
    used, first = np.unique(group[order], return_index=True)
    boxes = np.full((count, 6), np.nan, dtype=np.float32)
    if used.size:
        ordered = vertices[order]
        boxes[used, :3] = np.minimum.reduceat(ordered, first)
        boxes[used, 3:] = np.maximum.reduceat(ordered, first)
    return boxes


def box_around(boxes: Float32[np.ndarray, "boxes 6"]) -> Box | None:
    """The box around boxes; None around none."""
    if not len(boxes):
        return None
    return np.concatenate([boxes[:, :3].min(0), boxes[:, 3:].max(0)])


def box_of(
    vertices: Float32[np.ndarray, "points 3"], mask: Bool[np.ndarray, " points"]
) -> Box | None:
    """The box around the vertices of a mask; None around an empty one."""
    chosen = vertices[mask]
    return np.concatenate([chosen.min(0), chosen.max(0)]) if len(chosen) else None


def box_ious(
    one: Float[np.ndarray, "ones 6"], other: Float[np.ndarray, "others 6"]
) -> Float[np.ndarray, "ones others"]:
    """Volume of the intersection over that of the union; 0 where both boxes are flat."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    lower = np.maximum(one[:, None, :3], other[None, :, :3])
    upper = np.minimum(one[:, None, 3:], other[None, :, 3:])
    common = np.maximum(upper - lower, 0).prod(-1)
    union = _volumes(one)[:, None] + _volumes(other)[None, :] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def _volumes(boxes: Float[np.ndarray, "boxes 6"]) -> Float[np.ndarray, " boxes"]:
    return np.maximum(boxes[:, 3:] - boxes[:, :3], 0).prod(-1)


def distinct(boxes: Float[np.ndarray, "boxes 6"], most: float) -> Int[np.ndarray, " kept"]:
    """Which boxes are left when each is dropped that overlaps an earlier one left by `most`.

    Args:
        boxes: the likeliest first.
        most: an IoU from which on two boxes are of one object.
    """
    ious = box_ious(boxes, boxes)
    kept: list[int] = []
    for index in range(len(boxes)):
        if not kept or ious[index, kept].max() < most:
            kept.append(index)
    return np.array(kept, dtype=np.int64)


def stacked(numbers: Sequence[Any] | np.ndarray) -> Float32[np.ndarray, "boxes 6"]:
    """Boxes, or their numbers one after the other, as one array."""
    return np.asarray(numbers, dtype=np.float32).reshape(-1, 6)
