"""Language-guided instance refinement of the selected queries (Sec. III-D)."""

from jaxtyping import Float
from torch import Tensor, nn

from hcfres.model.attention import MultiHeadAttention
from hcfres.model.layers import FeedForward
from hcfres.model.sharing import SharedScenes


class InstanceRefinement(nn.Module):
    """LayerNorm(q + attention of q to the scene's instance features), once before the decoder.

    Superpoints that no instance mask covered are not looked at (decision 21).

    Args:
        feed_forward_dim: hidden width of a feed-forward layer behind it; None for none.
    """

    def __init__(self, dim: int, heads: int, feed_forward_dim: int | None) -> None:
        super().__init__()
        self.attn = MultiHeadAttention(dim, heads)
        self.norm = nn.LayerNorm(dim)
        self.ffn = nn.Identity() if feed_forward_dim is None else FeedForward(dim, feed_forward_dim)

    def forward(
        self, queries: Float[Tensor, "expressions queries dim"], instances: SharedScenes
    ) -> Float[Tensor, "expressions queries dim"]:
        """The queries enriched by the semantics of the instances of their scene."""
        return self.ffn(self.norm(queries + instances.attend(self.attn, queries)))
