"""MDIN's decoder: a query is decoupled from the others and refined layer by layer."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from hcfres.model.decoder_layer import Exchange, Rows, Surroundings
from hcfres.model.heads import PredictionHeads, outside_mask
from hcfres.model.layers import CrossNorm, FeedForward
from hcfres.model.output import LayerOutput


class MdinLayer(nn.Module):
    """One exchange and a feed-forward layer."""

    def __init__(self, dim: int, heads: int, hidden: int, norm: CrossNorm) -> None:
        super().__init__()
        self.exchange = Exchange(dim, heads, hidden, norm)
        self.query_ffn = FeedForward(dim, hidden)

    def forward(
        self,
        queries: Float[Tensor, "expressions queries dim"],
        text: Float[Tensor, "expressions tokens dim"],
        around: Surroundings,
        blocked: Bool[Tensor, "expressions queries max_superpoints"],
    ) -> tuple[
        Float[Tensor, "expressions queries dim"],
        Float[Tensor, "expressions tokens dim"],
    ]:
        """Queries and sentence, one layer on."""
        summed, text = self.exchange(Rows(queries, blocked, around.query_counts), text, around)
        return self.query_ffn(summed), text


class MdinDecoder(nn.Module):
    """The sentence is carried from layer to layer; its last state serves every layer's output."""

    def __init__(self, layers: list[MdinLayer], heads: PredictionHeads) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.heads = heads

    def forward(
        self, queries: Float[Tensor, "expressions queries dim"], around: Surroundings
    ) -> tuple[LayerOutput, ...]:
        """The predictions of the initial queries and of each layer."""
        text = around.text
        predictions = [self.heads(queries, around)]
        for layer in self.layers:
            blocked = outside_mask(predictions[-1].masks, around.padded)
            queries, text = layer(queries, text, around, blocked)
            predictions.append(self.heads(queries, around))
        projected = self.heads.project_text(text)
        return tuple(prediction.beside(projected) for prediction in predictions)
