"""Losses that decide what is a target at all: indicator and seed sampling (Sec. III-E)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from hcfres.objective.matching import Match
from hcfres.objective.objects import Objects

BACKGROUND = 0.1
"""Weight of a query that is no target's."""


def indicator_loss(
    indicators: Float[Tensor, "layers expressions queries 2"],
    matched: Bool[Tensor, "expressions queries"],
    padded: Bool[Tensor, "expressions queries"],
) -> Float[Tensor, " layers"]:
    """Cross-entropy of each query being a target, summed; background counts a tenth."""
    ones = torch.ones_like(indicators[0, ..., 0])
    weights = ones.masked_fill(~matched, BACKGROUND).masked_fill(padded, 0)
    log = indicators.log_softmax(-1)
    return -(torch.where(matched, log[..., 1], log[..., 0]) * weights).sum((1, 2))


def seed_targets(
    positions: Float[Tensor, "expressions seeds 3"],
    relevance: Float[Tensor, "expressions seeds"],
    match: Match,
    objects: Objects,
) -> Float[Tensor, "expressions seeds"]:
    """How relevant each seed should be: 1 for each target's nearest seed, exp(-d^2/2) for the
    other seeds of a target d metres from its centroid, else half of `relevance`."""
    squared = (positions[:, :, None] - objects.centroids[:, None]).square().sum(-1)
    nearness = (-squared / 2).exp().masked_fill(~match.pairs, 0).sum(-1)
    wanted = torch.where(match.matched(), nearness, relevance / 2)
    nearest = torch.zeros_like(match.pairs).scatter(1, match.nearest[:, None], True)
    return wanted.masked_fill((nearest & match.pairs).any(-1), 1)


def sampling_loss(
    logits: Float[Tensor, "expressions seeds"],
    wanted: Float[Tensor, "expressions seeds"],
    padded: Bool[Tensor, "expressions seeds"],
) -> Float[Tensor, ""]:
    """Focal loss (alpha 0.25, gamma 2) of the seeds' relevance; mean over seeds, not yet divided by
    the number of expressions.

    The relevance itself serves as the logit, though it is never below 0: the ancestors' choice.
    """
    chance = logits.sigmoid()
    alpha = 0.25 * wanted + 0.75 * (1 - wanted)
    error = wanted * (1 - chance) + (1 - wanted) * chance
    bce = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    each = (alpha * error.square() * bce).masked_fill(padded, 0).sum(1) / (~padded).sum(1)
    return each.sum()
