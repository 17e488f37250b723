"""What both decoders share: queries, sentence and scene looking at each other."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from hcfres.model.attention import CrossAttention, FeedForward, Memory, SelfAttention


@dataclass(frozen=True)
class Surroundings:
    """What the queries of each expression may look at."""

    superpoints: Float[Tensor, "scenes max_superpoints dim"]
    """V_unified."""
    mask_features: Float[Tensor, "expressions max_superpoints dim"]
    padded: Bool[Tensor, "expressions max_superpoints"]
    text: Float[Tensor, "expressions tokens dim"]
    """T."""
    text_valid: Bool[Tensor, "expressions tokens"]
    positions: Float[Tensor, "expressions queries 3"]
    """Centroid of each query's superpoint, metres."""
    queries_padded: Bool[Tensor, "expressions queries"] | None
    """None when no query is."""
    scene_of_expression: Int[Tensor, " expressions"]

    def of_expressions(self, memory: Memory) -> Memory:
        """Each expression's part of a memory of the scenes."""
        return memory.rows(self.scene_of_expression)


class Exchange(nn.Module):
    """One round: the sentence reads the scene, the queries read scene and sentence, the sentence
    reads the queries.

    The sentence's three modules serve twice. Beside each module stands its name in the public
    code, MDIN's and IPDN's.
    """

    def __init__(self, dim: int, heads: int, hidden: int, dead_norms: bool) -> None:
        super().__init__()
        self.text_self = SelfAttention(dim, heads)  # lla
        self.text_reads = CrossAttention(dim, heads, dead_norms)  # lsa
        self.text_ffn = FeedForward(dim, hidden)  # lsa_ffn
        self.query_reads = CrossAttention(dim, heads, dead_norms)  # qsa, swa
        self.query_self = SelfAttention(dim, heads)  # qqa, rra
        self.query_listens = CrossAttention(dim, heads, dead_norms)  # qla, rla

    def forward(
        self,
        queries: Float[Tensor, "expressions rows dim"],
        text: Float[Tensor, "expressions tokens dim"],
        around: Surroundings,
        blocked: Bool[Tensor, "expressions rows max_superpoints"],
        rows_padded: Bool[Tensor, "expressions rows"] | None,
    ) -> tuple[
        Float[Tensor, "expressions rows dim"],  # the sum, before the feed-forward layer
        Float[Tensor, "expressions tokens dim"],
    ]:
        """The queries and the sentence after the round.

        Args:
            blocked: where each query must not look in the scene.
        """
        silent = None if rows_padded is None else rows_padded[:, None]
        scene = around.of_expressions(self.text_reads.attn.remember(around.superpoints))
        text = self._read(text, around, scene, around.padded[:, None])
        scene = around.of_expressions(self.query_reads.attn.remember(around.superpoints))
        queries = self.query_reads(queries, scene, blocked)
        among = self.query_self(queries, silent)
        unspoken = ~around.text_valid[:, None]
        heard = self.query_listens(queries, self.query_listens.attn.remember(text), unspoken)
        text = self._read(text, around, self.text_reads.attn.remember(queries), silent)
        return queries + heard + among, text

    def _read(
        self,
        text: Float[Tensor, "expressions tokens dim"],
        around: Surroundings,
        memory: Memory,
        blocked: Bool[Tensor, "expressions 1 source"] | None,
    ) -> Float[Tensor, "expressions tokens dim"]:
        text = self.text_self(text, ~around.text_valid[:, None])
        return self.text_ffn(self.text_reads(text, memory, blocked))
