"""Mask, score, indicator and contrastive heads, read after every layer of the decoder (Fig. 3)."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from hcfres.model.decoder_layer import Surroundings
from hcfres.model.layers import mlp
from hcfres.model.output import LayerOutput


@dataclass(frozen=True)
class Prediction:
    """A layer's output, but for the text."""

    masks: Float[Tensor, "expressions queries max_superpoints"]
    scores: Float[Tensor, "expressions queries"]
    indicators: Float[Tensor, "expressions queries 2"]
    vision: Float[Tensor, "expressions queries projection"]

    def beside(self, text: Float[Tensor, "expressions tokens projection"]) -> LayerOutput:
        """The output of the layer whose projected tokens are `text`."""
        return LayerOutput(self.masks, self.scores, self.indicators, self.vision, text)


class PredictionHeads(nn.Module):
    """The heads, shared by all layers.

    Args:
        dead: own the norm before the indicator that the public code never uses.
    """

    def __init__(self, dim: int, projection_dim: int, dead: bool = False) -> None:
        super().__init__()
        self.out_norm = nn.LayerNorm(dim)
        self.out_score = mlp(dim, dim, 1)
        self.indi_embedding = nn.Sequential(
            nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, 2), nn.Linear(2, 2)
        )
        self.vision = mlp(dim, dim, dim, projection_dim)
        self.text = mlp(dim, dim, dim, projection_dim)
        if dead:
            self.indi_norm = nn.LayerNorm(dim)

    def forward(
        self,
        queries: Float[Tensor, "expressions queries dim"],
        around: Surroundings,
    ) -> Prediction:
        """What the queries say of themselves. Mask and score read the normalised query, the
        indicator and the contrastive projection the query itself."""
        normalised = self.out_norm(queries)
        return Prediction(
            around.mask_logits(normalised),
            self.out_score(normalised).squeeze(-1),
            self.indi_embedding(queries),
            F.normalize(self.vision(queries), dim=-1),
        )

    def mask_logits(
        self,
        queries: Float[Tensor, "expressions queries dim"],
        around: Surroundings,
    ) -> Float[Tensor, "expressions queries max_superpoints"]:
        """The masks alone."""
        return around.mask_logits(self.out_norm(queries))

    def project_text(
        self, text: Float[Tensor, "expressions tokens dim"]
    ) -> Float[Tensor, "expressions tokens projection"]:
        """Tokens in the contrastive space, of length 1."""
        return F.normalize(self.text(text), dim=-1)


@torch.no_grad()
def outside_mask(
    masks: Float[Tensor, "expressions queries max_superpoints"],
    padded: Bool[Tensor, "expressions max_superpoints"],
) -> Bool[Tensor, "expressions queries max_superpoints"]:
    """True where the next layer's queries must not look: outside their own mask, and at padding.

    A query whose mask is empty may look everywhere.
    """
    outside = masks < 0
    # A padded column is not outside (its logit is 0), so it is counted as outside here.
    empty = (outside | padded[:, None]).all(-1, keepdim=True)
    return (outside & ~empty) | padded[:, None]
