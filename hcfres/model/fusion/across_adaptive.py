"""Cross-modal dynamic integration by learned weights (Eq. 6)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hcfres.model.fusion.parts import FusionSizes
from hcfres.model.layers import mlp


class AdaptiveAcross(nn.Module):
    """V_unified = w_2D * V_2d + w_3D * V_3d (Eq. 6).

    A small network looks at [V_2d; V_3d] of each superpoint; its softmax over the two modalities
    gives the weights, which sum to one (decision 19).
    """

    def __init__(self, sizes: FusionSizes) -> None:
        super().__init__()
        outputs = 2 if sizes.gate == "scalar" else 2 * sizes.dim
        self.gate = mlp(2 * sizes.dim, *sizes.gate_hidden, outputs)

    def forward(
        self,
        semantics: Float[Tensor, "superpoints dim"],
        geometry: Float[Tensor, "superpoints dim"],
    ) -> Float[Tensor, "superpoints dim"]:
        """V_unified before the norm that follows it."""
        weights = self.weights(semantics, geometry)
        return weights[:, 0] * semantics + weights[:, 1] * geometry

    def weights(
        self,
        semantics: Float[Tensor, "superpoints dim"],
        geometry: Float[Tensor, "superpoints dim"],
    ) -> Float[Tensor, "superpoints 2 width"]:
        """w_2D and w_3D, in this order; `width` is 1 for scalars, else the shared space's."""
        logits = self.gate(torch.cat([semantics, geometry], dim=1))
        return logits.unflatten(1, (2, -1)).softmax(1)
