"""What both decoders share: queries, sentence and scene looking at each other."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor, nn

from hcfres.model.layers import CrossAttention, FeedForward, SelfAttention
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
    def unspoken(self) -> Bool[Tensor, "expressions 1 tokens"]:
        """Tokens nobody may look at."""
        return ~self.text_valid[:, None]

    def silent(self, repeats: int = 1) -> Bool[Tensor, "expressions 1 rows"] | None:
        """Rows nobody may look at, when the queries stand there `repeats` times."""
        if self.queries_padded is None:
            return None
        return self.queries_padded.repeat(1, repeats)[:, None]


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
        rows: Float[Tensor, "expressions rows dim"],
        text: Float[Tensor, "expressions tokens dim"],
        around: Surroundings,
        blocked: Bool[Tensor, "expressions rows max_superpoints"],
    ) -> tuple[
        Float[Tensor, "expressions queries dim"],  # the sum, before the feed-forward layer
        Float[Tensor, "expressions tokens dim"],
    ]:
        """The queries and the sentence after the round.

        Args:
            rows: the queries; behind them possibly one prompt for each, which is heard by the
                queries and by the sentence and then dropped.
            blocked: where each row must not look in the scene.
        """
        count = around.positions.shape[1]
        silent = around.silent(rows.shape[1] // count)
        text = self.text_self(text, around.unspoken)
        text = self.text_ffn(self.text_reads.read(text, around.superpoints))
        rows = self.query_reads.read(rows, around.superpoints, blocked)
        among = self.query_self(rows, silent, keep=count)
        queries = rows[:, :count]
        heard = self.query_listens(queries, text, around.unspoken)
        text = self.text_self(text, around.unspoken)
        text = self.text_ffn(self.text_reads(text, rows, silent))
        return queries + heard + among, text
