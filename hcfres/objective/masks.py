"""Losses on the masks and on their estimated quality: BCE, Dice, score (Sec. III-E)."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from hcfres.model.output import LayerOutput
from hcfres.objective.matching import Match, legacy_object
from hcfres.objective.objects import Objects

LEARNABLE_IOU = 0.5
"""The score head learns only from masks that overlap their target by more than this."""


@dataclass(frozen=True)
class Pairs:
    """The matched pairs of a batch, one after the other."""

    expression: Int[Tensor, " pairs"]
    query: Int[Tensor, " pairs"]
    targets: Bool[Tensor, "pairs max_superpoints"]
    real: Bool[Tensor, "pairs max_superpoints"]
    share: Float[Tensor, " pairs"]
    """One over the number of pairs of the expression."""
    expressions: int


def make_pairs(
    match: Match,
    objects: Objects,
    padded: Bool[Tensor, "expressions max_superpoints"],
    like: Float[Tensor, "..."],
    target_indexing: bool,
) -> Pairs:
    """List the pairs with the mask each is compared with.

    Args:
        like: a tensor of the floating type wanted.
        target_indexing: compare with the mask that the public code compares with.
    """
    expression, query, number = match.pairs.nonzero().unbind(1)
    if target_indexing:
        number = legacy_object(match.counts())[expression, number]
    each = match.pairs.sum((1, 2)).to(like.dtype)
    return Pairs(
        expression,
        query,
        objects.masks[expression, number],
        ~padded[expression],
        1 / each[expression],
        len(each),
    )


@dataclass(frozen=True)
class MaskLosses:
    """Sums over the expressions of the mean over each one's pairs, for each layer."""

    bce: Float[Tensor, " layers"]
    dice: Float[Tensor, " layers"]
    score: Float[Tensor, " layers"]


def mask_losses(layers: tuple[LayerOutput, ...], pairs: Pairs) -> MaskLosses:
    """All three losses of every layer, not yet divided by the number of pairs."""
    expression, query = pairs.expression, pairs.query
    logits = torch.stack([layer.masks[expression, query] for layer in layers])
    scores = torch.stack([layer.scores[expression, query] for layer in layers])
    truth, real = pairs.targets.to(logits.dtype), pairs.real.to(logits.dtype)
    bce = F.binary_cross_entropy_with_logits(logits, truth.expand_as(logits), reduction="none")
    bce = (bce * real).sum(-1) / real.sum(-1)
    soft = logits.sigmoid() * real
    overlap = (soft * truth).sum(-1)
    dice = 1 - (2 * overlap + 1) / (soft.sum(-1) + truth.sum(-1) + 1)
    return MaskLosses(
        (bce * pairs.share).sum(-1), (dice * pairs.share).sum(-1), _score(logits, scores, pairs)
    )


def _score(
    logits: Float[Tensor, "layers pairs max_superpoints"],
    scores: Float[Tensor, "layers pairs"],
    pairs: Pairs,
) -> Float[Tensor, " layers"]:
    """Squared error to the IoU, over the expression's pairs with an IoU worth estimating."""
    with torch.no_grad():
        found = (logits >= 0) & pairs.real
        common = (found & pairs.targets).to(scores.dtype).sum(-1)
        ious = common / ((found | pairs.targets).to(scores.dtype).sum(-1) + 1e-6)
        worth = (ious > LEARNABLE_IOU).to(scores.dtype)
        each = worth.new_zeros(len(worth), pairs.expressions)
        each.index_add_(1, pairs.expression, worth)
        weights = worth / each.clamp(min=1)[:, pairs.expression]
    return ((scores - ious).square() * weights).sum(-1)
