"""What the network says about each expression, and the rules that turn it into an answer."""

from dataclasses import dataclass, fields, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

NOTHING_LOGIT = -30.0
"""Logit of a superpoint that no query claims; its probability is 1e-13."""

Rule = Literal["gres", "res"]


@dataclass(frozen=True)
class LayerOutput:
    """The predictions made from the queries of one layer."""

    masks: Float[Tensor, "expressions queries max_superpoints"]
    """Logits; 0 at padded superpoints."""
    scores: Float[Tensor, "expressions queries"]
    """Estimated IoU of each query's mask."""
    indicators: Float[Tensor, "expressions queries 2"]
    """Logits of `not a target` and `a target`."""
    vision: Float[Tensor, "expressions queries projection"]
    """Of length 1, for the contrastive loss."""
    text: Float[Tensor, "expressions tokens projection"]
    """Of length 1, padded tokens included."""

    def at_least_fp32(self) -> "LayerOutput":
        """The same numbers, those of half precision as fp32."""
        return LayerOutput(*(_widened(getattr(self, field.name)) for field in fields(self)))


@dataclass(frozen=True)
class NetworkOutput:
    """Everything the objective and the evaluation need."""

    layers: tuple[LayerOutput, ...]
    """From the initial queries, then after each decoder layer."""
    relevance: Float[Tensor, "expressions seeds"]
    """Relevance of each seed to the sentence, at least 0."""
    seeds: Int[Tensor, "expressions seeds"]
    """Superpoint of each seed, counted within the expression's scene; 0 where padded."""
    seeds_padded: Bool[Tensor, "expressions seeds"]
    """True where the scene has fewer superpoints than seeds."""
    selected: Int[Tensor, "expressions queries"]
    """Seed of each query."""
    queries_padded: Bool[Tensor, "expressions queries"]
    """True for queries of padded seeds: they are never matched, and never fire."""
    centroids: Float[Tensor, "expressions max_superpoints 3"]
    """Metres; 0 at padding."""
    padded: Bool[Tensor, "expressions max_superpoints"]
    """True where the expression's scene has no such superpoint."""

    def at_least_fp32(self) -> "NetworkOutput":
        """The same numbers, those of half precision as fp32: losses are computed from these."""
        return replace(
            self,
            layers=tuple(layer.at_least_fp32() for layer in self.layers),
            relevance=_widened(self.relevance),
            centroids=_widened(self.centroids),
        )


def _widened(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor


@dataclass(frozen=True)
class Answer:
    """Which superpoints an expression means, by one layer's queries."""

    fired: Bool[Tensor, "expressions queries"]
    """The queries whose masks the answer consists of; none for zero-target."""
    probability: Float[Tensor, "expressions queries"]
    """Of each query being a target; 0 for padded queries."""
    logits: Float[Tensor, "expressions max_superpoints"]
    """Of the union: the largest mask logit over the fired queries, else NOTHING_LOGIT."""


def answer(output: NetworkOutput, rule: Rule = "gres", layer: int = -1) -> Answer:
    """The answer that a layer's queries give together.

    Args:
        rule: "gres": every query whose indicator prefers `a target` (a tie does not); possibly
            none. "res": exactly the one query with the highest probability.
        layer: index into `output.layers`; the last by default.
    """
    chosen = output.layers[layer]
    probability = chosen.indicators.softmax(-1)[..., 1].masked_fill(output.queries_padded, 0)
    if rule == "gres":
        wants = chosen.indicators[..., 1] > chosen.indicators[..., 0]
        fired = wants & ~output.queries_padded
    else:
        best = probability.argmax(1, keepdim=True)
        fired = (probability < 0).scatter(1, best, True)
    claimed = chosen.masks.masked_fill(~fired[..., None], NOTHING_LOGIT)
    union = claimed.amax(1).masked_fill(output.padded, NOTHING_LOGIT)
    return Answer(fired, probability, union)
