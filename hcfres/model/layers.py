"""The layers of the decoder: self-attention, cross-attention, feed-forward."""

from itertools import pairwise
from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor, nn

from hcfres.model.attention import Mask, MultiHeadAttention
from hcfres.model.sharing import SharedScenes

CrossNorm = Literal["none", "discarded", "applied"]
"""The LayerNorm behind a cross-attention. The public code computes one and discards the result:
`discarded` owns its parameters, so that published weights fit name by name (decision 119)."""


class SelfAttention(nn.Module):
    """LayerNorm(x + attention of x to itself)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attn = MultiHeadAttention(dim, heads)
        self.norm = nn.LayerNorm(dim)

    def forward(
        self,
        rows: Float[Tensor, "batch length dim"],
        mask: Mask | None = None,
        keep: int | None = None,
    ) -> Float[Tensor, "batch kept dim"]:
        """The first `keep` rows (all of them, if None) after they have looked at all rows."""
        if keep is None or keep == rows.shape[1]:
            return self.norm(rows + self.attn.among(rows, mask))
        kept = rows[:, :keep]
        return self.norm(kept + self.attn(kept, self.attn.remember(rows), mask))


class CrossAttention(nn.Module):
    """x + attention of x to something else, as in the ancestors; or the LayerNorm of that."""

    def __init__(self, dim: int, heads: int, norm: CrossNorm = "none") -> None:
        super().__init__()
        self.attn = MultiHeadAttention(dim, heads)
        self.applied = norm == "applied"
        if norm != "none":
            self.norm = nn.LayerNorm(dim)

    def forward(
        self,
        rows: Float[Tensor, "batch length dim"],
        source: Float[Tensor, "batch source dim"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "batch length dim"]:
        """The rows after they have looked at `source`."""
        return self.settled(rows + self.attn(rows, self.attn.remember(source), mask))

    def read(
        self,
        rows: Float[Tensor, "expressions rows dim"],
        scenes: SharedScenes,
        blocked: Bool[Tensor, "expressions rows source"] | None = None,
    ) -> Float[Tensor, "expressions rows dim"]:
        """The rows after they have looked at the scene of their expression."""
        return self.settled(rows + scenes.attend(self.attn, rows, blocked))

    def settled(self, summed: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """The sum as it is handed on."""
        return self.norm(summed) if self.applied else summed


class FeedForward(nn.Module):
    """LayerNorm(x + two linear maps of x with a GELU between)."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        # The identity stands where the ancestors have a dropout of 0: their names count it.
        self.net = nn.Sequential(
            nn.Linear(dim, hidden), nn.GELU(), nn.Identity(), nn.Linear(hidden, dim)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, rows: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """Each row by itself."""
        return self.norm(rows + self.net(rows))


def mlp(*widths: int) -> nn.Sequential:
    """Linear maps of these widths with a ReLU between each two."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def multiplicity(
    counts: Float[Tensor, "batch length"] | None,
) -> Float[Tensor, "batch 1 length"] | None:
    """The mask under which each row weighs as much as `counts` equal rows, not at all for 0."""
    return None if counts is None else counts.log()[:, None]
