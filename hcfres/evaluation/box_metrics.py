"""Multi3DRefer's own metric, F1 over axis-aligned boxes: another number than Acc@k over vertices.

As the authors' evaluation code has it: predicted and target boxes of an expression are paired
one to one so that the sum of IoUs is largest (Hungarian matching); pairs with an IoU of at least k
are true positives; F1@k = 2 TP / (predicted + targets). A zero-target expression scores 1 when no
box is predicted and 0 otherwise. Scores are averaged over expressions, by evaluation type and
over all. (Theirs adds 1e-7 to the union in float32; here IoUs are float64 and nothing is added.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from hcfres.evaluation.boxes import box_ious
from hcfres.evaluation.groups import GROUPS, require_known
from hcfres.evaluation.metrics import THRESHOLDS

SAME_OBJECT = 0.5
"""Box IoU from which on two fired queries are taken for one object by `box_distinct`."""


@dataclass(frozen=True)
class BoxScore:
    """Scores of one group, in [0, 1]; NaN in a group without expressions."""

    count: int
    f1_25: float
    f1_50: float


@dataclass(frozen=True)
class BoxMetrics:
    """The box scores of one predictor on one split."""

    groups: Mapping[str, BoxScore]
    """By the names of GROUPS."""

    def flat(self) -> dict[str, float]:
        """Every number under `group/score`; those of empty groups are left out."""
        return {
            f"{group}/{name}": float(value)
            for group, score in self.groups.items()
            for name, value in vars(score).items()
            if score.count
        }


def box_f1(
    predicted: Float[np.ndarray, "boxes 6"], targets: Float[np.ndarray, "targets 6"]
) -> tuple[float, ...]:
    """F1 of one expression at each of THRESHOLDS."""
    total = len(predicted) + len(targets)
    if not len(targets) or not len(predicted):
        return (float(total == 0),) * len(THRESHOLDS)
    ious = box_ious(predicted, targets)
    paired = ious[linear_sum_assignment(ious, maximize=True)]
    return tuple(2 * int((paired >= k).sum()) / total for k in THRESHOLDS)


def box_metrics(
    eval_types: Sequence[str], scores: Float[np.ndarray, "expressions thresholds"]
) -> BoxMetrics:
    """Average the expressions' scores over each group.

    Raises:
        ValueError: an evaluation type is none of EVAL_TYPES.
    """
    types = require_known(eval_types)
    return BoxMetrics(
        {
            group: _score(scores[np.isin(types, members)], len(THRESHOLDS))
            for group, members in GROUPS.items()
        }
    )


def _score(scores: Float[np.ndarray, "expressions thresholds"], width: int) -> BoxScore:
    means = scores.mean(0) if len(scores) else np.full(width, np.nan)
    return BoxScore(len(scores), *(float(mean) for mean in means))
