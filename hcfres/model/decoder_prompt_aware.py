"""IPDN's prompt-aware decoder: queries that look like targets prompt the others."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hcfres.model.decoder_layer import Exchange, Rows, Surroundings
from hcfres.model.heads import PredictionHeads, outside_mask
from hcfres.model.layers import (
    CrossAttention,
    CrossNorm,
    FeedForward,
    SelfAttention,
    multiplicity,
)
from hcfres.model.output import LayerOutput
from hcfres.model.prompts import make_prompts
from hcfres.model.spatial import block_all_but_nearest


class PromptAwareLayer(nn.Module):
    """Sentence asks queries, then the exchange among queries and prompts, then spatial attention
    among the queries, then a feed-forward layer."""

    def __init__(self, dim: int, heads: int, hidden: int, norm: CrossNorm) -> None:
        super().__init__()
        self.text_asks = CrossAttention(dim, heads, norm)  # lqg
        self.exchange = Exchange(dim, heads, hidden, norm)
        self.nearby = SelfAttention(dim, heads)  # scg
        self.query_ffn = FeedForward(dim, hidden)

    def ask(
        self, queries: Float[Tensor, "expressions queries dim"], around: Surroundings
    ) -> tuple[
        Float[Tensor, "expressions tokens dim"],
        Float[Tensor, "expressions queries"],  # how much the sentence means each query
    ]:
        """The sentence after it has looked at the queries, and the summed logits of that look."""
        attn = self.text_asks.attn
        memory = attn.remember(queries)
        heard = attn(around.text, memory, multiplicity(around.query_counts))
        text = self.text_asks.settled(around.text + heard)
        return text, attn.summed_logits(around.text, around.text_valid, memory)

    def forward(
        self,
        rows: Rows,
        text: Float[Tensor, "expressions tokens dim"],
        around: Surroundings,
        far: Bool[Tensor, "expressions queries queries"],
    ) -> tuple[
        Float[Tensor, "expressions queries dim"],
        Float[Tensor, "expressions tokens dim"],
    ]:
        """Queries and sentence, one layer on; `rows` are the queries and, behind them, prompts."""
        summed, text = self.exchange(rows, text, around)
        return self.query_ffn(self.nearby(summed, far)), text


class PromptAwareDecoder(nn.Module):
    """In every layer the sentence starts from T; prompts are made from the second layer on."""

    def __init__(
        self, layers: list[PromptAwareLayer], heads: PredictionHeads, neighbours: int
    ) -> None:
        super().__init__()
        self.layers: Sequence[PromptAwareLayer] = nn.ModuleList(layers)  # type: ignore[assignment]
        self.heads = heads
        self.neighbours = neighbours

    def forward(
        self, queries: Float[Tensor, "expressions queries dim"], around: Surroundings
    ) -> tuple[LayerOutput, ...]:
        """The predictions of the initial queries and of each layer."""
        far = block_all_but_nearest(around.positions, self.neighbours, around.queries_padded)
        prediction = self.heads(queries, around)
        outputs = [prediction.beside(self.heads.project_text(around.text))]
        for number, layer in enumerate(self.layers):
            text, meant = layer.ask(queries, around)
            masks, rows, counts = prediction.masks, queries, around.query_counts
            if number:
                prompts = make_prompts(queries, meant, prediction, around.queries_padded)
                rows = torch.cat([queries, prompts.rows], dim=1)
                counts = around.counts_before(prompts.counts)
                masks = torch.cat([masks, self.heads.mask_logits(prompts.rows, around)], dim=1)
            blocked = outside_mask(masks, around.padded)
            queries, text = layer(Rows(rows, blocked, counts), text, around, far)
            prediction = self.heads(queries, around)
            outputs.append(prediction.beside(self.heads.project_text(text)))
        return tuple(outputs)
