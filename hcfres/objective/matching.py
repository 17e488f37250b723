"""Which query learns which target: decided by geometry alone, before anything is predicted."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hcfres.objective.objects import Objects


@dataclass(frozen=True)
class Match:
    """Pairs of an anchor (a query, or a seed) and a target of the same expression."""

    pairs: Bool[Tensor, "expressions anchors objects"]
    nearest: Int[Tensor, "expressions objects"]
    """The anchor nearest to each object's centroid; anything where the object is not valid."""

    def matched(self) -> Bool[Tensor, "expressions anchors"]:
        """Anchors with at least one target."""
        return self.pairs.any(-1)

    def counts(self) -> Int[Tensor, "expressions objects"]:
        """Anchors of each object."""
        return self.pairs.sum(1)


def match(
    positions: Float[Tensor, "expressions anchors 3"],
    instances: Int[Tensor, "expressions anchors"],
    padded: Bool[Tensor, "expressions anchors"],
    objects: Objects,
) -> Match:
    """Pair anchors with targets, as the ancestors do.

    The anchor nearest to an object's centroid learns that object, even from outside it, and
    even several objects. Every other anchor inside an object learns that object, unless it is
    the nearest of any target.

    Args:
        positions: centroid of each anchor's superpoint, metres.
        instances: instance of each anchor's superpoint.
        padded: anchors that take no part.
    """
    squared = (positions[:, :, None] - objects.centroids[:, None]).square().sum(-1)
    nearest = squared.masked_fill(padded[..., None], torch.inf).argmin(1)
    is_nearest = torch.zeros_like(squared, dtype=torch.bool).scatter(1, nearest[:, None], True)
    is_nearest &= objects.valid[:, None]
    inside = (instances[..., None] == objects.ids[:, None]) & objects.valid[:, None]
    inside &= ~is_nearest.any(-1, keepdim=True) & ~padded[..., None]
    return Match(is_nearest | inside, nearest)


def legacy_object(
    counts: Int[Tensor, "expressions objects"],
) -> Int[Tensor, "expressions objects"]:
    """Which object's mask the public code compares with, for the pairs of each object.

    It lays masks out object by object, one for each pair, and then looks them up by the
    object's number instead of the pair's: `legacy = ["target_indexing"]`.
    """
    ends = counts.cumsum(1)
    number = torch.arange(counts.shape[1], device=counts.device).expand_as(counts).contiguous()
    return torch.searchsorted(ends, number, right=True).clamp(max=max(counts.shape[1] - 1, 0))
