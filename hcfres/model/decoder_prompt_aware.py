"""IPDN's prompt-aware decoder: queries that look like targets prompt the others."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hcfres.model.decoder_layer import Exchange, Surroundings
from hcfres.model.heads import Prediction, PredictionHeads, outside_mask
from hcfres.model.layers import CrossAttention, FeedForward, SelfAttention
from hcfres.model.output import LayerOutput
from hcfres.model.spatial import block_all_but_nearest

PROMPT_PROBABILITY = 0.75
"""A query becomes a prompt when it is a target with more than this probability."""


class PromptAwareLayer(nn.Module):
    """Sentence asks queries, then the exchange among queries and prompts, then spatial attention
    among the queries, then a feed-forward layer."""

    def __init__(self, dim: int, heads: int, hidden: int, dead_norms: bool) -> None:
        super().__init__()
        self.text_asks = CrossAttention(dim, heads, dead_norms)  # lqg
        self.exchange = Exchange(dim, heads, hidden, dead_norms)
        self.nearby = SelfAttention(dim, heads)  # scg
        self.query_ffn = FeedForward(dim, hidden)

    def ask(
        self, queries: Float[Tensor, "expressions queries dim"], around: Surroundings
    ) -> tuple[
        Float[Tensor, "expressions tokens dim"],
        Float[Tensor, "expressions queries"],  # how much the sentence means each query
    ]:
        """The sentence after it has looked at the queries, and the summed logits of that look."""
        text = self.text_asks(around.text, queries, around.silent())
        logits = self.text_asks.attn.logits(around.text, queries)
        return text, (logits * around.text_valid[..., None]).sum(1)

    def forward(
        self,
        rows: Float[Tensor, "expressions rows dim"],
        text: Float[Tensor, "expressions tokens dim"],
        around: Surroundings,
        blocked: Bool[Tensor, "expressions rows max_superpoints"],
        far: Bool[Tensor, "expressions queries queries"],
    ) -> tuple[
        Float[Tensor, "expressions queries dim"],
        Float[Tensor, "expressions tokens dim"],
    ]:
        """Queries and sentence, one layer on; `rows` are the queries and, behind them, prompts."""
        summed, text = self.exchange(rows, text, around, blocked)
        return self.query_ffn(self.nearby(summed, far)), text


class PromptAwareDecoder(nn.Module):
    """In every layer the sentence starts from T; prompts are made from the second layer on."""

    def __init__(
        self, layers: list[PromptAwareLayer], heads: PredictionHeads, neighbours: int
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
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
            masks, rows = prediction.masks, queries
            if number:
                prompts = queries * prompt_weights(meant, prediction, around.queries_padded)
                rows = torch.cat([queries, prompts], dim=1)
                prompted = self.heads.mask_logits(prompts, around)
                masks = torch.cat([masks, prompted], dim=1)
            blocked = outside_mask(masks, around.padded)
            queries, text = layer(rows, text, around, blocked, far)
            prediction = self.heads(queries, around)
            outputs.append(prediction.beside(self.heads.project_text(text)))
        return tuple(outputs)


def prompt_weights(
    meant: Float[Tensor, "expressions queries"],
    prediction: Prediction,
    queries_padded: Bool[Tensor, "expressions queries"] | None,
) -> Float[Tensor, "expressions queries 1"]:
    """Softmax of `meant` over the likely targets; 0 for the others, and where none is likely."""
    likely = prediction.indicators.softmax(-1)[..., 1] > PROMPT_PROBABILITY
    if queries_padded is not None:
        likely = likely & ~queries_padded
    lowest = torch.finfo(meant.dtype).min
    weights = meant.masked_fill(~likely, lowest).softmax(1)
    return (weights * likely)[..., None]
