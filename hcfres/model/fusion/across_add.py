"""Element-wise addition of 2D and 3D: the baseline of Sec. III-D."""

from jaxtyping import Float
from torch import Tensor, nn

from hcfres.model.fusion.parts import Blend, FusionSizes


class AddAcross(nn.Module):
    """V_unified = V_2d + V_3d, as IPDN has it."""

    def __init__(self, sizes: FusionSizes) -> None:
        super().__init__()

    def forward(
        self,
        semantics: Float[Tensor, "superpoints dim"],
        geometry: Float[Tensor, "superpoints dim"],
    ) -> Blend:
        """V_unified."""
        return Blend(semantics + geometry, None)
