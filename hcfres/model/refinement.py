"""Language-guided instance refinement of the selected queries (Sec. III-D)."""

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from hcfres.model.attention import FeedForward, MultiHeadAttention


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
        self,
        queries: Float[Tensor, "expressions queries dim"],
        instance: Float[Tensor, "scenes superpoints dim"],
        hidden: Bool[Tensor, "scenes superpoints"],
        scene_of_expression: Int[Tensor, " expressions"],
    ) -> Float[Tensor, "expressions queries dim"]:
        """The queries enriched by the semantics of the instances of their scene.

        Args:
            hidden: True where a superpoint must not be looked at; not everywhere.
        """
        memory = self.attn.remember(instance).rows(scene_of_expression)
        blocked = hidden[scene_of_expression][:, None]
        return self.ffn(self.norm(queries + self.attn(queries, memory, blocked)))
