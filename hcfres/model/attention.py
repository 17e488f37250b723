"""The attention layers that the fusion, the selection and the decoder are made of.

Batches of sentences look at batches of scenes: what is attended to is projected once for each
scene and then handed to each of its expressions.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Memory:
    """Keys and values of something attended to, split into heads."""

    keys: Float[Tensor, "batch heads source head_dim"]
    values: Float[Tensor, "batch heads source head_dim"]

    def rows(self, index: Int[Tensor, " rows"]) -> "Memory":
        """The memory of each row's element, e.g. each expression's scene."""
        return Memory(self.keys[index], self.values[index])


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention in several heads; no dropout, no positions.

    Parameters are laid out as in `torch.nn.MultiheadAttention`: query, key, value in one matrix.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def remember(self, source: Float[Tensor, "batch source dim"]) -> Memory:
        """Keys and values of `source`, so that many queries can share them."""
        dim = source.shape[-1]
        both = F.linear(source, self.in_proj_weight[dim:], self.in_proj_bias[dim:])
        keys, values = both.chunk(2, dim=-1)
        return Memory(self._split(keys), self._split(values))

    def forward(
        self,
        queries: Float[Tensor, "batch target dim"],
        memory: Memory,
        blocked: Bool[Tensor, "#batch #target source"] | None = None,
    ) -> Float[Tensor, "batch target dim"]:
        """What each query gathers from `memory`.

        Args:
            blocked: True where a query must not look; no row may be blocked everywhere.
        """
        seen = None if blocked is None else ~blocked[:, None]
        gathered = F.scaled_dot_product_attention(
            self._project(queries), memory.keys, memory.values, attn_mask=seen
        )
        return self.out_proj(gathered.transpose(1, 2).flatten(2))

    def logits(
        self, queries: Float[Tensor, "batch target dim"], memory: Memory
    ) -> Float[Tensor, "batch target source"]:
        """The scaled products before the softmax, averaged over the heads."""
        projected = self._project(queries)
        flat_queries = projected.transpose(1, 2).flatten(2)
        flat_keys = memory.keys.transpose(1, 2).flatten(2)
        scale = self.heads * projected.shape[-1] ** 0.5
        return flat_queries @ flat_keys.transpose(1, 2) / scale

    def _project(
        self, queries: Float[Tensor, "batch target dim"]
    ) -> Float[Tensor, "batch heads target head_dim"]:
        dim = queries.shape[-1]
        return self._split(F.linear(queries, self.in_proj_weight[:dim], self.in_proj_bias[:dim]))

    def _split(
        self, flat: Float[Tensor, "batch length dim"]
    ) -> Float[Tensor, "batch heads length head_dim"]:
        return flat.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class SelfAttention(nn.Module):
    """LayerNorm(x + attention of x to itself)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attn = MultiHeadAttention(dim, heads)
        self.norm = nn.LayerNorm(dim)

    def forward(
        self,
        rows: Float[Tensor, "batch length dim"],
        blocked: Bool[Tensor, "#batch #length length"] | None = None,
    ) -> Float[Tensor, "batch length dim"]:
        """The rows after they have looked at each other."""
        return self.norm(rows + self.attn(rows, self.attn.remember(rows), blocked))


class CrossAttention(nn.Module):
    """x + attention of x to something else, without a norm, as in the ancestors.

    The public code owns a LayerNorm here and discards its result.

    Args:
        dead_norm: own it too, so that published weights fit name by name.
    """

    def __init__(self, dim: int, heads: int, dead_norm: bool = False) -> None:
        super().__init__()
        self.attn = MultiHeadAttention(dim, heads)
        if dead_norm:
            self.norm = nn.LayerNorm(dim)

    def forward(
        self,
        rows: Float[Tensor, "batch length dim"],
        memory: Memory,
        blocked: Bool[Tensor, "#batch #length source"] | None = None,
    ) -> Float[Tensor, "batch length dim"]:
        """The rows after they have looked at `memory`, made by `self.attn.remember`."""
        return rows + self.attn(rows, memory, blocked)


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
    for before, after in zip(widths[:-1], widths[1:], strict=True):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


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
