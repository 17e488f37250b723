"""Multi-head attention, what all layers of the fusion, the selection and the decoder rest on.

A mask is either of booleans, True where a query must not look, or of numbers, which are added to
the logits. No row may be blocked everywhere.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

Mask = Bool[Tensor, "#batch #target source"] | Float[Tensor, "#batch #target source"]


@dataclass(frozen=True)
class Memory:
    """Keys and values of something attended to, split into heads."""

    keys: Float[Tensor, "batch heads source head_dim"]
    values: Float[Tensor, "batch heads source head_dim"]

    def rows(self, index: Int[Tensor, " rows"]) -> "Memory":
        """The memory of each row's element, e.g. each expression's scene."""
        return Memory(self.keys.index_select(0, index), self.values.index_select(0, index))


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
        mask: Mask | None = None,
    ) -> Float[Tensor, "batch target dim"]:
        """What each query gathers from `memory`."""
        return self._gather(self._project(queries), memory, mask)

    def among(
        self,
        rows: Float[Tensor, "batch length dim"],
        mask: Mask | None = None,
    ) -> Float[Tensor, "batch length dim"]:
        """What each row gathers from all rows; one product where `forward` takes two."""
        projected = F.linear(rows, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        queries, keys, values = map(self._split, projected)
        return self._gather(queries, Memory(keys, values), mask)

    def summed_logits(
        self,
        queries: Float[Tensor, "batch target dim"],
        counted: Bool[Tensor, "batch target"],
        memory: Memory,
    ) -> Float[Tensor, "batch source"]:
        """The scaled products before the softmax, averaged over the heads and summed over the
        queries that count."""
        dim, weights = queries.shape[-1], counted.to(queries.dtype)
        # Products are linear in the query, so the sum is taken first.
        total = (weights[:, None] @ queries).squeeze(1)
        asked = F.linear(total, self.in_proj_weight[:dim])
        asked = asked + weights.sum(1, keepdim=True) * self.in_proj_bias[:dim]
        asked = asked.unflatten(-1, (self.heads, 1, -1)) / (self.heads * (dim // self.heads) ** 0.5)
        return (asked @ memory.keys.transpose(-1, -2)).sum((1, 2))

    def _gather(
        self,
        queries: Float[Tensor, "batch heads target head_dim"],
        memory: Memory,
        mask: Mask | None,
    ) -> Float[Tensor, "batch target dim"]:
        if mask is not None:
            mask = ~mask[:, None] if mask.dtype == torch.bool else mask[:, None]
        gathered = F.scaled_dot_product_attention(
            queries, memory.keys, memory.values, attn_mask=mask
        )
        return self.out_proj(gathered.transpose(1, 2).flatten(2))

    def _project(
        self, queries: Float[Tensor, "batch target dim"]
    ) -> Float[Tensor, "batch heads target head_dim"]:
        dim = queries.shape[-1]
        return self._split(F.linear(queries, self.in_proj_weight[:dim], self.in_proj_bias[:dim]))

    def _split(
        self, flat: Float[Tensor, "batch length dim"]
    ) -> Float[Tensor, "batch heads length head_dim"]:
        return flat.unflatten(-1, (self.heads, -1)).transpose(1, 2)
