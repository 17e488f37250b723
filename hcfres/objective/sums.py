"""The objective's terms before they are divided: parts of a step are summed, then counted."""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hcfres.config.method import LossConfig


@dataclass(frozen=True)
class LayerTerms:
    """The unweighted terms that every layer has, from the initial queries to the last layer."""

    mask_bce: Float[Tensor, " layers"]
    mask_dice: Float[Tensor, " layers"]
    score: Float[Tensor, " layers"]
    indicator: Float[Tensor, " layers"]
    contrastive: Float[Tensor, " layers"]

    def weighted(self, config: LossConfig) -> Float[Tensor, " layers"]:
        """Their weighted sum in each layer."""
        return sum(
            (getattr(config, field.name) * getattr(self, field.name) for field in fields(self)),
            start=torch.zeros_like(self.mask_bce),
        )

    def over(self, count: Int[Tensor, ""]) -> "LayerTerms":
        """Each term divided by a count, by one where it is 0."""
        divisor = count.clamp(min=1)
        return LayerTerms(*(getattr(self, field.name) / divisor for field in fields(self)))

    def detached(self) -> "LayerTerms":
        """The same numbers, without what a gradient would need."""
        return LayerTerms(*(getattr(self, field.name).detach() for field in fields(self)))


@dataclass(frozen=True)
class Counts:
    """What the sums of a step are divided by; those of its parts add up."""

    pairs: Int[Tensor, ""]
    """Matched pairs of a query and a target."""
    expressions: Int[Tensor, ""]


@dataclass(frozen=True)
class Sums:
    """The terms of some expressions, summed over them."""

    terms: LayerTerms
    """To be divided by the step's pairs."""
    sampling: Float[Tensor, ""]
    """To be divided by the step's expressions."""
    counts: Counts

    def detached(self) -> "Sums":
        """The same numbers, without what a gradient would need."""
        return replace(self, terms=self.terms.detached(), sampling=self.sampling.detach())
