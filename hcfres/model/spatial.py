"""Spatially-aware attention of each seed to its nearest seeds (IPDN)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hcfres.model.attention import MultiHeadAttention


class SpatialAttention(nn.Module):
    """LayerNorm(x + p * sigmoid(g)), p and g linear in what each row sees of its neighbours."""

    def __init__(self, dim: int, heads: int, neighbours: int) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.attn = MultiHeadAttention(dim, heads)
        self.glu_p = nn.Linear(dim, dim)
        self.glu_g = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(
        self,
        seeds: Float[Tensor, "scenes seeds dim"],
        positions: Float[Tensor, "scenes seeds 3"],
        padded: Bool[Tensor, "scenes seeds"],
    ) -> Float[Tensor, "scenes seeds dim"]:
        """The seeds' features after looking around; `positions` in metres."""
        blocked = block_all_but_nearest(positions, self.neighbours, padded)
        seen = self.attn(seeds, self.attn.remember(seeds), blocked)
        return self.norm(seeds + self.glu_p(seen) * self.glu_g(seen).sigmoid())


def block_all_but_nearest(
    positions: Float[Tensor, "batch length 3"],
    count: int,
    padded: Bool[Tensor, "batch length"] | None = None,
) -> Bool[Tensor, "batch length length"]:
    """True for all but each row's `count` nearest rows, itself among them.

    Args:
        padded: rows that are nobody's neighbour; at least one row of each is not.
    """
    squared = (positions[:, :, None] - positions[:, None]).square().sum(-1)
    if padded is not None:
        squared = squared.masked_fill(padded[:, None], float("inf"))
    nearest = squared.topk(min(count, positions.shape[1]), dim=-1, largest=False).indices
    blocked = torch.ones_like(squared, dtype=torch.bool).scatter_(-1, nearest, False)
    return blocked if padded is None else blocked | padded[:, None]
