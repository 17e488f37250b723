"""The mean of the two branches."""

from jaxtyping import Float
from torch import Tensor, nn

from hcfres.model.fusion.parts import FusionSizes, VisualBranches, usable_mean


class MeanWithin(nn.Module):
    """V_2d = the mean of MLP_dense(F_dense) and MLP_inst(F_inst), of those that saw something."""

    def __init__(self, sizes: FusionSizes) -> None:
        super().__init__()

    def forward(self, branches: VisualBranches) -> Float[Tensor, "superpoints dim"]:
        """V_2d of each superpoint."""
        return usable_mean(branches.tokens(), branches.usable())
