"""What both decoders share: queries, sentence and scene looking at each other."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hcfres.model.layers import CrossAttention, CrossNorm, FeedForward, SelfAttention, multiplicity
from hcfres.model.sharing import SharedScenes


@dataclass(frozen=True)
class Surroundings:
    """What the queries of each expression may look at."""

    superpoints: SharedScenes
    """V_unified."""
    mask_features: Float[Tensor, "scenes max_superpoints dim"]
    padded: Bool[Tensor, "expressions max_superpoints"]
    text: Float[Tensor, "expressions tokens dim"]
    """T."""
    text_valid: Bool[Tensor, "expressions tokens"]
    positions: Float[Tensor, "expressions queries 3"]
    """Centroid of each query's superpoint, metres."""
    queries_padded: Bool[Tensor, "expressions queries"] | None
    """None when no query is."""

    def mask_logits(
        self, normalised: Float[Tensor, "expressions rows dim"]
    ) -> Float[Tensor, "expressions rows max_superpoints"]:
        """Products of normalised queries with the mask features of their scene."""
        return self.superpoints.sharing.multiply(normalised, self.mask_features)

    @property
    def query_counts(self) -> Float[Tensor, "expressions queries"] | None:
        """1 for real queries, 0 for padded ones; None when all are real."""
        if self.queries_padded is None:
            return None
        return (~self.queries_padded).to(self.positions.dtype)

    def counts_before(
        self, counts: Float[Tensor, "expressions prompts"]
    ) -> Float[Tensor, "expressions rows"]:
        """Counts of the queries, then these."""
        queries = self.query_counts
        if queries is None:
            queries = counts.new_ones(self.positions.shape[:2])
        return torch.cat([queries, counts], dim=1)


@dataclass(frozen=True)
class Rows:
    """Queries, and behind them possibly prompts, which are heard and then dropped."""

    features: Float[Tensor, "expressions rows dim"]
    blocked: Bool[Tensor, "expressions rows max_superpoints"]
    """Where each must not look in the scene."""
    counts: Float[Tensor, "expressions rows"] | None
    """How many equal rows each stands for; 0 for none. None for one each."""


class Exchange(nn.Module):
    """One round: the sentence reads the scene, the queries read scene and sentence, the sentence
    reads the queries.

    The sentence's three modules serve twice. Beside each module stands its name in the public
    code, MDIN's and IPDN's.
    """

    def __init__(self, dim: int, heads: int, hidden: int, norm: CrossNorm) -> None:
        super().__init__()
        self.text_self = SelfAttention(dim, heads)  # lla
        self.text_reads = CrossAttention(dim, heads, norm)  # lsa
        self.text_ffn = FeedForward(dim, hidden)  # lsa_ffn
        self.query_reads = CrossAttention(dim, heads, norm)  # qsa, swa
        self.query_self = SelfAttention(dim, heads)  # qqa, rra
        self.query_listens = CrossAttention(dim, heads, norm)  # qla, rla

    def forward(
        self,
        rows: Rows,
        text: Float[Tensor, "expressions tokens dim"],
        around: Surroundings,
    ) -> tuple[
        Float[Tensor, "expressions queries dim"],  # the sum, before the feed-forward layer
        Float[Tensor, "expressions tokens dim"],
    ]:
        """The queries and the sentence after the round."""
        count = around.positions.shape[1]
        unspoken, times = ~around.text_valid[:, None], multiplicity(rows.counts)
        text = self.text_self(text, unspoken)
        text = self.text_ffn(self.text_reads.read(text, around.superpoints))
        seen = self.query_reads.read(rows.features, around.superpoints, rows.blocked)
        among = self.query_self(seen, times, keep=count)
        queries = seen[:, :count]
        heard = self.query_listens(queries, text, unspoken)
        text = self.text_self(text, unspoken)
        text = self.text_ffn(self.text_reads(text, seen, times))
        return queries + heard + among, text
