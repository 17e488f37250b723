"""How good an answer is: point-level IoU over all mesh vertices, with the zero-target rule.

An answer is a union of superpoints, so its overlap with a target needs only the vertex counts of
the superpoints: exact, and a hundred times less work than masks over vertices.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

THRESHOLDS = (0.25, 0.5)
"""The k of Acc@k (Sec. IV-A)."""


@dataclass(frozen=True)
class Overlap:
    """Vertex counts of answers and targets, one entry an expression."""

    predicted: Int[np.ndarray, " expressions"]
    true: Int[np.ndarray, " expressions"]
    common: Int[np.ndarray, " expressions"]


def overlap(
    predicted: Bool[np.ndarray, "expressions points"],
    target: Bool[np.ndarray, "expressions points"],
) -> Overlap:
    """Count the vertices of each answer, of each target, and of both."""
    return Overlap(predicted.sum(1), target.sum(1), (predicted & target).sum(1))


def superpoint_overlap(
    chosen: Bool[np.ndarray, "expressions superpoints"],
    sizes: Int[np.ndarray, " superpoints"],
    true: Int[np.ndarray, "expressions superpoints"],
) -> Overlap:
    """`overlap` of answers that are unions of superpoints, from counts alone.

    Args:
        chosen: the superpoints of each answer.
        sizes: vertices of each superpoint.
        true: target vertices in each superpoint.
    """
    return Overlap(chosen @ sizes, true.sum(1), np.where(chosen, true, 0).sum(1))


def best_union(
    sizes: Int[np.ndarray, " superpoints"], true: Int[np.ndarray, " superpoints"]
) -> Bool[np.ndarray, " superpoints"]:
    """Choose the superpoints whose union has the largest IoU with a target; none for no target.

    The best union takes superpoints by their share inside the target, largest first, so the best
    beginning of that order is exactly the best of all unions.

    Args:
        sizes: vertices of each superpoint.
        true: target vertices in each superpoint.
    """
    touching = np.flatnonzero(true)
    order = touching[np.argsort(-true[touching] / sizes[touching], kind="stable")]
    covered, taken = true[order].cumsum(), sizes[order].cumsum()
    chosen = np.zeros(true.size, dtype=bool)
    if order.size:
        best = (covered / (taken + covered[-1] - covered)).argmax()
        chosen[order[: best + 1]] = True
    return chosen


def answers_nothing(
    found: Overlap, fired: Bool[np.ndarray, " expressions"], min_points: int
) -> Bool[np.ndarray, " expressions"]:
    """Tell which answers mean "no such object": no query fired, or too few vertices.

    Args:
        found: counts of the answers.
        fired: whether any query's indicator fired.
        min_points: fewer predicted vertices than this are no answer (50 on ScanNet).
    """
    return ~fired | (found.predicted < min_points)


def intersection_over_union(
    found: Overlap,
    nothing: Bool[np.ndarray, " expressions"],
    zero_target: Bool[np.ndarray, " expressions"],
) -> Float[np.ndarray, " expressions"]:
    """Score each answer in [0, 1].

    A zero-target expression scores 1 when answered with nothing and 0 otherwise; any other
    expression answered with nothing scores 0.
    """
    union = found.predicted + found.true - found.common
    ratio = found.common / np.maximum(union, 1)
    return np.where(zero_target, nothing.astype(np.float64), np.where(nothing, 0.0, ratio))


def accuracy(ious: Float[np.ndarray, " expressions"], threshold: float) -> float:
    """Share of expressions with an IoU strictly above `threshold`; NaN of none."""
    return float((ious > threshold).mean()) if ious.size else float("nan")


def mean_iou(ious: Float[np.ndarray, " expressions"]) -> float:
    """Mean over expressions; NaN of none."""
    return float(ious.mean()) if ious.size else float("nan")
