"""Intra-modal collaborative integration across the superpoints of a scene (Eq. 5)."""

from jaxtyping import Float
from torch import Tensor, nn

from hcfres.model.attention import MultiHeadAttention
from hcfres.model.fusion.parts import FusionSizes, VisualBranches


class CrossAttentionWithin(nn.Module):
    """V_2d = MultiHeadAttn(MLP_dense(F_dense), MLP_inst(F_inst)) (Eq. 5), dense asking instances.

    Each superpoint's dense features are the query, the instance features of its scene's superpoints
    keys and values; residual and LayerNorm. Superpoints under no seen mask are not attended to, and
    where a scene has no others its dense features pass (decision 120).
    """

    def __init__(self, sizes: FusionSizes) -> None:
        super().__init__()
        self.attn = MultiHeadAttention(sizes.dim, sizes.heads)
        self.norm = nn.LayerNorm(sizes.dim)

    def forward(self, branches: VisualBranches) -> Float[Tensor, "superpoints dim"]:
        """V_2d of each superpoint."""
        packing = branches.packing
        hidden = ~packing.mark(branches.instance_seen)
        nothing = hidden.all(1, keepdim=True)
        memory = self.attn.remember(packing.pack(branches.instance))
        gathered = self.attn(packing.pack(branches.dense), memory, (hidden & ~nothing)[:, None])
        gathered = gathered.masked_fill(nothing[..., None], 0)
        return self.norm(branches.dense + packing.unpack(gathered))
