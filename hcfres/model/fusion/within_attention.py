"""Intra-modal collaborative integration by multi-head attention (Eq. 5)."""

from jaxtyping import Float
from torch import Tensor, nn

from hcfres.model.attention import MultiHeadAttention
from hcfres.model.fusion.parts import FusionSizes, VisualBranches, usable_mean


class AttentionWithin(nn.Module):
    """V_2d = MultiHeadAttn(MLP_dense(F_dense), MLP_inst(F_inst)) (Eq. 5).

    Each superpoint's two tokens attend to each other; residual and LayerNorm, then their mean
    (decision 18). A branch that saw nothing is neither attended to nor averaged. No sentence
    enters, so the result serves all expressions of a scene.
    """

    def __init__(self, sizes: FusionSizes) -> None:
        super().__init__()
        self.attn = MultiHeadAttention(sizes.dim, sizes.heads)
        self.norm = nn.LayerNorm(sizes.dim)

    def forward(self, branches: VisualBranches) -> Float[Tensor, "superpoints dim"]:
        """V_2d of each superpoint."""
        tokens, usable = branches.tokens(), branches.usable()
        attended = self.attn(tokens, self.attn.remember(tokens), ~usable[:, None])
        return usable_mean(self.norm(tokens + attended), usable)
