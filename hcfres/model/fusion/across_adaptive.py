"""Cross-modal dynamic integration by learned weights (Eq. 6)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hcfres.model.fusion.parts import Blend, FusionSizes
from hcfres.model.layers import mlp


class AdaptiveAcross(nn.Module):
    """V_unified = w_2D * V_2d + w_3D * V_3d (Eq. 6).

    A small network looks at [V_2d; V_3d] of each superpoint. Its softmax over the two modalities
    gives the weights, which then sum to one: one for the superpoint ("scalar"), or one for each
    channel ("channel"); or its sigmoid gives two for each channel ("channel_sigmoid"; decision 19).
    """

    def __init__(self, sizes: FusionSizes) -> None:
        super().__init__()
        self.kind = sizes.gate
        outputs = 2 if self.kind == "scalar" else 2 * sizes.dim
        self.gate = mlp(2 * sizes.dim, *sizes.gate_hidden, outputs)

    def forward(
        self,
        semantics: Float[Tensor, "superpoints dim"],
        geometry: Float[Tensor, "superpoints dim"],
    ) -> Blend:
        """V_unified and the weights."""
        weights = self.weights(semantics, geometry)
        return Blend(weights[:, 0] * semantics + weights[:, 1] * geometry, weights)

    def weights(
        self,
        semantics: Float[Tensor, "superpoints dim"],
        geometry: Float[Tensor, "superpoints dim"],
    ) -> Float[Tensor, "superpoints 2 gate"]:
        """w_2D and w_3D, in this order, each in [0, 1]."""
        logits = self.gate(torch.cat([semantics, geometry], dim=1)).unflatten(1, (2, -1))
        return logits.sigmoid() if self.kind == "channel_sigmoid" else logits.softmax(1)
