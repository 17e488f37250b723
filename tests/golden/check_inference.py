"""Our answers are the public code's, by both rules, and so is what they are worth."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from hcfres.evaluation.metrics import (
    Overlap,
    answers_nothing,
    intersection_over_union,
    overlap,
    superpoint_overlap,
)
from hcfres.model.output import NOTHING_LOGIT, Answer, LayerOutput, NetworkOutput, Rule, answer

from .case import EXACT, LIMIT, Case, Finding

LEAST_POINTS = 50
_IN_FLOAT32 = 1e-6
"""The public code adds 1e-6 to the union and divides in float32."""
_RULES: tuple[Rule, ...] = ("gres", "res")


def check_inference(case: Case) -> Iterator[Finding]:
    """Logits, masks, zero-target decisions and IoU of both rules."""
    for rule in _RULES:
        found = answer(_output(case), rule)
        fires = found.fired.any(1)
        theirs = case[f"{rule}.superpoint_logit"]
        pairs = [
            (found.logits[fires], theirs[fires]),
            (found.logits[~fires], torch.full_like(theirs[~fires], NOTHING_LOGIT)),
        ]
        yield case.finding(f"{rule}: superpoint logits", pairs, LIMIT)
        yield from _masks(case, found, rule)


def _masks(case: Case, found: Answer, rule: Rule) -> Iterator[Finding]:
    of_point = case["superpoints"].long().expand(len(found.logits), -1)
    points = (found.logits >= 0).gather(1, of_point)
    yield case.finding(
        f"{rule}: predicted points", [(points, case[f"{rule}.point_mask"].bool())], EXACT
    )
    chosen, labels = (found.logits >= 0).numpy(), case["superpoints"].long().numpy()
    counted = _overlap(chosen, labels, case["gt_pmasks"].bool().numpy())
    of_superpoints = overlap(chosen, case["gt_spmasks"].bool().numpy())
    for name, counts in (("point", counted), ("superpoint", of_superpoints)):
        pair = _by_their_formula(counts), case[f"{rule}.{name}_iou"]
        yield case.finding(f"{rule}: {name} IoU", [pair], LIMIT)
    nothing = answers_nothing(counted, found.fired.any(1).numpy(), LEAST_POINTS)
    if rule == "gres":
        pair = torch.from_numpy(nothing), case["gres.nt_label"].bool()
        yield case.finding("gres: zero-target decisions", [pair], EXACT)
    else:
        nothing = np.zeros_like(nothing)
    no_target = ~case["gt_pmasks"].bool().any(1).numpy()
    zero_target = no_target if rule == "gres" else np.zeros_like(no_target)
    ious = torch.from_numpy(intersection_over_union(counted, nothing, zero_target))
    yield case.finding(
        f"{rule}: IoU after the rule", [(ious, case[f"{rule}.final_iou"])], _IN_FLOAT32
    )


def _overlap(chosen: np.ndarray, labels: np.ndarray, target: np.ndarray) -> Overlap:
    """Vertices of answers and targets, counted by superpoints as the evaluation does."""
    superpoints = chosen.shape[1]
    true = np.stack([np.bincount(labels[row], minlength=superpoints) for row in target])
    return superpoint_overlap(chosen, np.bincount(labels, minlength=superpoints), true)


def _by_their_formula(counts: Overlap) -> Tensor:
    common = torch.from_numpy(counts.common).float()
    union = torch.from_numpy(counts.predicted + counts.true - counts.common).float()
    return common / (union + 1e-6)


def _output(case: Case) -> NetworkOutput:
    masks, indicators = case["masks"], case["indis"]
    count, queries, superpoints = masks.shape
    none = torch.zeros(count, queries, dtype=torch.long)
    unit = torch.nn.functional.normalize(torch.ones(count, queries, 2).double(), dim=-1)
    layer = LayerOutput(masks, indicators[..., 0], indicators, unit, unit)
    return NetworkOutput(
        layers=(layer,),
        relevance=indicators[..., 0],
        seeds=none,
        seeds_padded=none.bool(),
        selected=none,
        queries_padded=none.bool(),
        centroids=torch.zeros(count, superpoints, 3).double(),
        padded=torch.zeros(count, superpoints, dtype=torch.bool),
    )
