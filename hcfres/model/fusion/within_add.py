"""The sum of the two branches: intra-modal integration switched off."""

from jaxtyping import Float
from torch import Tensor, nn

from hcfres.model.fusion.parts import FusionSizes, VisualBranches


class AddWithin(nn.Module):
    """V_2d = MLP_dense(F_dense) + MLP_inst(F_inst), the plain row of Table III (decision 20)."""

    def __init__(self, sizes: FusionSizes) -> None:
        super().__init__()

    def forward(self, branches: VisualBranches) -> Float[Tensor, "superpoints dim"]:
        """V_2d of each superpoint."""
        return branches.dense + branches.instance
