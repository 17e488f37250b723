"""Accuracies by group of expressions, as the columns of Table II."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from hcfres.data.expression import EVAL_TYPES
from hcfres.evaluation.metrics import THRESHOLDS, accuracy, mean_iou

GROUPS: Mapping[str, tuple[str, ...]] = {
    **{name: (name,) for name in EVAL_TYPES},
    "zt": ("zt_w_d", "zt_wo_d"),
    "st": ("st_w_d", "st_wo_d"),
    "with_target": ("st_w_d", "st_wo_d", "mt"),
    "all": EVAL_TYPES,
}
"""The evaluation types in each group. ScanRefer's unique and multiple are st_wo_d and st_w_d."""


@dataclass(frozen=True)
class Accuracy:
    """Scores of one group, all in [0, 1]; NaN in a group without expressions."""

    count: int
    acc_25: float
    """Share with an IoU above 0.25."""
    acc_50: float
    """Share with an IoU above 0.5."""
    miou: float
    nothing: float
    """Share answered with "no such object"."""


@dataclass(frozen=True)
class GroupMetrics:
    """The scores of one predictor on one split."""

    groups: Mapping[str, Accuracy]
    """By the names of GROUPS."""

    @property
    def miou(self) -> float:
        """Mean IoU over all expressions."""
        return self.groups["all"].miou

    def flat(self) -> dict[str, float]:
        """Every number under `group/score`; those of empty groups are left out."""
        return {
            f"{group}/{name}": float(value)
            for group, scores in self.groups.items()
            for name, value in vars(scores).items()
            if scores.count
        }


def group_metrics(
    eval_types: Sequence[str],
    ious: Float[np.ndarray, " expressions"],
    nothing: Bool[np.ndarray, " expressions"],
) -> GroupMetrics:
    """Average the expressions' scores over each group.

    Raises:
        ValueError: an evaluation type is none of EVAL_TYPES.
    """
    types = require_known(eval_types)
    return GroupMetrics(
        {
            group: _accuracy(ious[member], nothing[member])
            for group, members in GROUPS.items()
            for member in [np.isin(types, members)]
        }
    )


def require_known(eval_types: Sequence[str]) -> np.ndarray:
    """The evaluation types as an array.

    Raises:
        ValueError: one is none of EVAL_TYPES.
    """
    if unknown := set(eval_types) - set(EVAL_TYPES):
        known = ", ".join(EVAL_TYPES)
        raise ValueError(f"unknown eval_type {', '.join(sorted(unknown))}; known are {known}")
    return np.array(eval_types, dtype=str)


def _accuracy(
    ious: Float[np.ndarray, " expressions"], nothing: Bool[np.ndarray, " expressions"]
) -> Accuracy:
    quarter, half = (accuracy(ious, threshold) for threshold in THRESHOLDS)
    share = float(nothing.mean()) if nothing.size else float("nan")
    return Accuracy(len(ious), quarter, half, mean_iou(ious), share)
