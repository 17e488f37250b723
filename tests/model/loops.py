"""MDIN's and IPDN's decoders with the loops of their public code, over the weights of a network of
ours: the readable reference of the fast path, and what `benchmarks/decoders.py` compares it with.

As they run: everything of a scene is repeated for each expression; rows are padded, and masks of
nearest neighbours filled, in loops over expressions and queries; attention keeps its logits; every
query has a prompt, most of them zero. Features are projected, and prompts weighted, without a loop,
as there. Every scene has at least as many superpoints as there are seeds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from hcfres.data.batch import SceneBatch, TextBatch
from hcfres.geometry.sampling import farthest_points
from hcfres.model.attention import MultiHeadAttention
from hcfres.model.decoder_prompt_aware import PromptAwareDecoder
from hcfres.model.fusion.fusion import VisualFeatures
from hcfres.model.network import HcfRes
from hcfres.model.output import LayerOutput
from hcfres.model.prompts import PROMPT_PROBABILITY
from hcfres.model.superpoints import make_packing


@dataclass(frozen=True)
class Scenery:
    """What a batch of expressions looks at, everything repeated for each of them."""

    features: Tensor  # (expressions, superpoints, dim): V_unified
    mask_features: Tensor  # (expressions, superpoints, dim)
    padded: Tensor  # (expressions, superpoints): True at padding
    centroids: Tensor  # (expressions, superpoints, 3)
    text: Tensor  # (expressions, tokens, dim): T
    unspoken: Tensor  # (expressions, tokens): True at padding


def far_row_by_row(positions: Tensor, neighbours: int) -> Tensor:
    """True for all but each row's nearest rows, filled row by row."""
    squared = (positions[:, :, None] - positions[:, None]).square().sum(-1)
    count = min(neighbours, positions.shape[1])
    nearest = squared.topk(count, dim=-1, largest=False).indices
    far = torch.ones_like(squared, dtype=torch.bool)
    for expression in range(len(far)):
        for row in range(far.shape[1]):
            far[expression, row, nearest[expression, row]] = False
    return far


Far = Callable[[Tensor, int], Tensor]


def predict_in_loops(
    network: HcfRes,
    scenes: SceneBatch,
    geometry: Tensor,
    text: TextBatch,
    far: Far = far_row_by_row,
) -> tuple[LayerOutput, ...]:
    """The predictions of the initial queries and of each layer, from F_3d on.

    Args:
        far: fills the masks of nearest neighbours; IPDN's code does it row by row.
    """
    around = _scenery(network, scenes, geometry, text)
    seeds = _seeds(around, network.encoder.seeds)
    places = _rows(around.centroids, seeds)
    features = _rows(around.features, seeds)
    spatial = network.encoder.spatial
    if spatial is not None:
        seen, _ = _attend(spatial.attn, features, features, far(places, spatial.neighbours))
        gated = spatial.glu_p(seen) * spatial.glu_g(seen).sigmoid()
        features = spatial.norm(features + gated)
    chosen = _chosen(network, features, around)
    queries = network.encoder.query_generator(_rows(features, chosen))
    if isinstance(network.decoder, PromptAwareDecoder):
        nearest = far(_rows(places, chosen), network.decoder.neighbours)
        return _prompt_aware(network, queries, nearest, around)
    return _mdin(network, queries, around)


def _scenery(network: HcfRes, scenes: SceneBatch, geometry: Tensor, text: TextBatch) -> Scenery:
    """Repeat each scene's rows for each of its expressions, project them, pad them in a loop."""
    encoder, counts = network.encoder, scenes.superpoint_counts
    first = [sum(counts[:scene]) for scene in range(len(counts))]
    about = text.scene_of_expression.tolist()
    index = torch.cat(
        [torch.arange(first[s], first[s] + counts[s], device=geometry.device) for s in about]
    )
    lengths = [counts[s] for s in about]
    centroids = _means(scenes)[index]
    unified = encoder.adapter(geometry[index])
    if encoder.fusion is not None:
        assert scenes.dense is not None
        assert scenes.dense_seen is not None
        visual = VisualFeatures(scenes.dense[index], scenes.dense_seen[index], None, None)
        packing = make_packing(
            tuple(lengths), tuple(scenes.scene_ids[s] for s in about), geometry.device
        )
        unified = encoder.fusion(unified, visual, packing).unified
    padded = torch.ones(len(about), max(lengths), dtype=torch.bool, device=geometry.device)
    for row, length in enumerate(lengths):
        padded[row, :length] = False
    return Scenery(
        _padded(unified, lengths),
        _padded(encoder.mask_features(geometry[index]), lengths),
        padded,
        _padded(centroids, lengths),
        network.text_adapter(text.features),
        ~text.valid,
    )


def _means(scenes: SceneBatch) -> Tensor:
    """The centroid of each superpoint."""
    total = sum(scenes.superpoint_counts)
    sums = scenes.coordinates.new_zeros(total, 3)
    sums.index_add_(0, scenes.superpoint_of_point, scenes.coordinates)
    return sums / scenes.superpoint_of_point.bincount(minlength=total)[:, None]


def _padded(packed: Tensor, lengths: list[int]) -> Tensor:
    table = packed.new_zeros(len(lengths), max(lengths), packed.shape[1])
    start = 0
    for row, length in enumerate(lengths):
        table[row, :length] = packed[start : start + length]
        start += length
    return table


def _seeds(around: Scenery, count: int) -> Tensor:
    chosen = []
    for centroids, padded in zip(around.centroids, around.padded, strict=True):
        places = centroids[~padded].detach().cpu().numpy()
        chosen.append(torch.from_numpy(farthest_points(places, count)))
    return torch.stack(chosen).to(around.padded.device)


def _rows(table: Tensor, index: Tensor) -> Tensor:
    return torch.stack([one[rows] for one, rows in zip(table, index, strict=True)])


def _chosen(network: HcfRes, seeds: Tensor, around: Scenery) -> Tensor:
    """The most relevant seeds."""
    selection = network.selection
    asked, keys = selection.query_proj(seeds), selection.key_proj(around.text)
    attention = (asked @ keys.transpose(1, 2) / seeds.shape[-1] ** 0.5).softmax(1)
    relevance = attention.masked_fill(around.unspoken[:, None], 0).sum(2)
    return relevance.topk(selection.queries, dim=1).indices


def _attend(
    attn: MultiHeadAttention, rows: Tensor, source: Tensor, blocked: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """What the rows gather from the source, and the logits, averaged over the heads."""
    weights, biases = attn.in_proj_weight.chunk(3), attn.in_proj_bias.chunk(3)
    given = (rows, source, source)
    asked, keys, values = (
        F.linear(x, w, b).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
        for x, w, b in zip(given, weights, biases, strict=True)
    )
    logits = (asked / asked.shape[-1] ** 0.5) @ keys.transpose(-1, -2)
    masked = logits if blocked is None else logits.masked_fill(blocked[:, None], -torch.inf)
    gathered = (masked.softmax(-1) @ values).transpose(1, 2).flatten(2)
    return attn.out_proj(gathered), logits.mean(1)


def _outside(masks: Tensor, padded: Tensor) -> Tensor:
    """Where queries must not look."""
    blocked = (masks.sigmoid() < 0.5) | padded[:, None]
    blocked[blocked.all(-1)] = False
    return blocked | padded[:, None]


def _self(layer, rows: Tensor, blocked: Tensor | None = None) -> Tensor:
    return layer.norm(rows + _attend(layer.attn, rows, rows, blocked)[0])


def _cross(layer, rows: Tensor, source: Tensor, blocked: Tensor | None = None) -> Tensor:
    return rows + _attend(layer.attn, rows, source, blocked)[0]


def _exchange(part, queries: Tensor, text: Tensor, masks: Tensor, around: Scenery):
    """The steps that both decoders share; the sum before the feed-forward layer, and the text."""
    unspoken, hidden = around.unspoken[:, None], around.padded[:, None]
    text = _self(part.text_self, text, unspoken)
    text = part.text_ffn(_cross(part.text_reads, text, around.features, hidden))
    outside = _outside(masks, around.padded)
    seen = _cross(part.query_reads, queries, around.features, outside)
    among = _self(part.query_self, seen)
    heard = _cross(part.query_listens, seen, text, unspoken)
    text = _self(part.text_self, text, unspoken)
    text = part.text_ffn(_cross(part.text_reads, text, seen))
    return seen + heard + among, text


@dataclass(frozen=True)
class _Said:
    masks: Tensor
    scores: Tensor
    indicators: Tensor
    vision: Tensor


def _heads(network: HcfRes, queries: Tensor, around: Scenery) -> _Said:
    heads = network.decoder.heads
    normalised = heads.out_norm(queries)
    return _Said(
        normalised @ around.mask_features.transpose(1, 2),
        heads.out_score(normalised).squeeze(-1),
        heads.indi_embedding(queries),
        F.normalize(heads.vision(queries), dim=-1),
    )


def _output(network: HcfRes, said: _Said, text: Tensor) -> LayerOutput:
    projected = F.normalize(network.decoder.heads.text(text), dim=-1)
    return LayerOutput(said.masks, said.scores, said.indicators, said.vision, projected)


def _mdin(network: HcfRes, queries: Tensor, around: Scenery) -> tuple[LayerOutput, ...]:
    text, said = around.text, [_heads(network, queries, around)]
    for layer in network.decoder.layers:
        summed, text = _exchange(layer.exchange, queries, text, said[-1].masks, around)
        queries = layer.query_ffn(summed)
        said.append(_heads(network, queries, around))
    return tuple(_output(network, one, text) for one in said)


def _prompt_aware(
    network: HcfRes, queries: Tensor, far: Tensor, around: Scenery
) -> tuple[LayerOutput, ...]:
    decoder, count = network.decoder, queries.shape[1]
    said = _heads(network, queries, around)
    outputs = [_output(network, said, around.text)]
    for number, layer in enumerate(decoder.layers):
        gathered, logits = _attend(layer.text_asks.attn, around.text, queries)
        rows, masks = queries, said.masks
        if number:
            rows = torch.cat([queries, _prompts(queries, logits, said, around)], dim=1)
            masks = decoder.heads.out_norm(rows) @ around.mask_features.transpose(1, 2)
        summed, text = _exchange(layer.exchange, rows, around.text + gathered, masks, around)
        real = _self(layer.nearby, summed[:, :count], far)
        queries = layer.query_ffn(torch.cat([real, summed[:, count:]], dim=1))[:, :count]
        said = _heads(network, queries, around)
        outputs.append(_output(network, said, text))
    return tuple(outputs)


def _prompts(queries: Tensor, logits: Tensor, said: _Said, around: Scenery) -> Tensor:
    """A prompt for each query, zero for those that are no likely target."""
    likely = said.indicators.softmax(-1)[..., 1] > PROMPT_PROBABILITY
    meant = logits.masked_fill(around.unspoken[..., None], 0).sum(1)
    weights = meant.masked_fill(~likely, -torch.inf).softmax(-1).nan_to_num(0)
    return weights[..., None] * queries
