"""Language-guided instance refinement of the selected queries (Sec. III-D)."""

from jaxtyping import Float
from torch import Tensor, nn

from hcfres.model.attention import MultiHeadAttention
from hcfres.model.layers import FeedForward
from hcfres.model.sharing import SharedScenes


class InstanceRefinement(nn.Module):
    """LayerNorm(q + attention of q to features of its scene), once before the decoder.

    What is looked at is the method's `refine_with` (decision 21): the instance features, unless it
    says otherwise; superpoints that no instance mask covered are then not looked at.

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
        """The queries enriched by what they looked at."""
        return self.ffn(self.norm(queries + instances.attend(self.attn, queries)))
