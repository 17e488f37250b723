"""Prompts of IPDN's decoder: likely targets, weighted by how much the sentence means them."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hcfres.model.heads import Prediction

PROMPT_PROBABILITY = 0.75
"""A query becomes a prompt when it is a target with more than this probability."""


@dataclass(frozen=True)
class Prompts:
    """One prompt for each query: w q for likely targets, zero for all others.

    The zero prompts are equal and stay equal, so one row stands for all of them.
    """

    rows: Float[Tensor, "expressions prompts dim"]
    """Of the likely targets, then the zero prompt."""
    counts: Float[Tensor, "expressions prompts"]
    """How many prompts each row stands for; 0 for none."""


def make_prompts(
    queries: Float[Tensor, "expressions queries dim"],
    meant: Float[Tensor, "expressions queries"],
    prediction: Prediction,
    queries_padded: Bool[Tensor, "expressions queries"] | None,
) -> Prompts:
    """The prompts of a layer.

    Args:
        meant: how much the sentence means each query; its softmax over the likely targets is w.
        prediction: the previous layer's, which tells who is likely.
    """
    likely = prediction.indicators.softmax(-1)[..., 1] > PROMPT_PROBABILITY
    real = torch.ones_like(likely) if queries_padded is None else ~queries_padded
    likely = likely & real
    slots = int(likely.sum(1).max()) if len(likely) else 0
    taken, index = likely.to(meant.dtype).topk(slots, dim=1)
    lowest = torch.finfo(meant.dtype).min
    weights = meant.gather(1, index).masked_fill(taken == 0, lowest).softmax(1) * taken
    chosen = queries.gather(1, index[..., None].expand(-1, -1, queries.shape[-1]))
    nothing = torch.zeros_like(queries[:, :1])
    others = (real & ~likely).sum(1, keepdim=True).to(meant.dtype)
    return Prompts(
        torch.cat([weights[..., None] * chosen, nothing], dim=1), torch.cat([taken, others], dim=1)
    )
