import math

import torch

from hcfres.model.decoder_layer import Rows, Surroundings
from hcfres.model.decoder_prompt_aware import PromptAwareDecoder, PromptAwareLayer
from hcfres.model.heads import Prediction, PredictionHeads, outside_mask
from hcfres.model.prompts import make_prompts
from hcfres.model.sharing import SharedScenes, Sharing
from hcfres.model.spatial import block_all_but_nearest

QUERIES, DIM = 5, 8


def _prediction(probabilities):
    chance = torch.as_tensor(probabilities, dtype=torch.float64)
    logits = torch.stack([torch.zeros_like(chance), torch.logit(chance)], dim=-1)
    nothing = torch.zeros(*chance.shape, 1, dtype=torch.float64)
    return Prediction(nothing, chance, logits, nothing)


def _queries(count=1):
    return torch.randn(count, QUERIES, DIM, dtype=torch.float64)


def test_likely_targets_prompt_by_the_softmax_of_how_much_they_are_meant():
    """Queries 1 and 3 pass 0.75; meant ln 1 and ln 3, so they weigh 1/4 and 3/4."""
    queries = _queries()
    meant = torch.tensor([[9.0, 0.0, 9.0, torch.tensor(3.0).log(), 9.0]], dtype=torch.float64)
    prompts = make_prompts(queries, meant, _prediction([[0.7, 0.8, 0.75, 0.9, 0.1]]), None)
    assert prompts.counts.tolist() == [[1, 1, 3]]
    rows = torch.stack([queries[0, 1] / 4, queries[0, 3] * 3 / 4, torch.zeros(DIM).double()])
    order = prompts.rows[0, :2].norm(dim=1).argsort()
    expected = rows[:2].norm(dim=1).argsort()
    torch.testing.assert_close(prompts.rows[0, order], rows[expected], atol=1e-6, rtol=0)
    assert not prompts.rows[0, 2].any()


def test_where_none_is_likely_all_prompts_are_zero():
    prompts = make_prompts(_queries(2), torch.randn(2, QUERIES).double(), _prediction(
        [[0.1] * QUERIES, [0.9] + [0.2] * 4]), None)  # fmt: skip
    assert prompts.counts.tolist() == [[0, QUERIES], [1, QUERIES - 1]]
    assert not prompts.rows[0].any()
    assert prompts.rows[1].any()


def test_padded_queries_never_prompt():
    padded = torch.tensor([[False, False, False, True, True]])
    prompts = make_prompts(_queries(), torch.zeros(1, QUERIES).double(), _prediction(
        [[0.9, 0.1, 0.1, 0.9, 0.9]]), padded)  # fmt: skip
    assert prompts.counts.tolist() == [[1, 2]]


def _literal(decoder, layer, queries, prediction, around):
    """A layer as IPDN describes it: one prompt row for each query, most of them zero."""
    text, meant = layer.ask(queries, around)
    likely = prediction.indicators.softmax(-1)[..., 1] > 0.75
    weights = torch.zeros_like(meant)
    for expression, flags in enumerate(likely):
        if flags.any():
            weights[expression, flags] = meant[expression, flags].softmax(0)
    prompts = weights[..., None] * queries
    rows = torch.cat([queries, prompts], dim=1)
    masks = torch.cat([prediction.masks, decoder.heads.mask_logits(prompts, around)], dim=1)
    blocked = outside_mask(masks, around.padded)
    far = block_all_but_nearest(around.positions, decoder.neighbours)
    return layer(Rows(rows, blocked, None), text, around, far)


def _make_half_of_them_likely(heads, prediction):
    """Move the indicator's bias until its median probability is 3/4."""
    preference = prediction.indicators.diff(dim=-1).median()
    with torch.no_grad():
        heads.indi_embedding[-1].bias[0] += preference - math.log(3) - 1e-6


def test_one_zero_row_stands_for_all_zero_prompts():
    torch.manual_seed(3)
    layers = [PromptAwareLayer(DIM, 2, 16, "none") for _ in range(2)]
    decoder = PromptAwareDecoder(layers, PredictionHeads(DIM, 4), neighbours=3).double()
    torch.nn.init.normal_(decoder.heads.out_norm.bias)  # else a zero prompt's mask is empty
    sharing = Sharing.among(torch.tensor([0, 0]), 1)
    features = torch.randn(1, 6, DIM, dtype=torch.float64)
    around = Surroundings(
        superpoints=SharedScenes(features, torch.zeros(1, 6, dtype=torch.bool), sharing),
        mask_features=torch.randn(1, 6, DIM, dtype=torch.float64),
        padded=torch.zeros(2, 6, dtype=torch.bool),
        text=torch.randn(2, 4, DIM, dtype=torch.float64),
        text_valid=torch.ones(2, 4, dtype=torch.bool),
        positions=torch.randn(2, QUERIES, 3, dtype=torch.float64),
        queries_padded=None,
    )
    initial = _queries(2)
    first = decoder.heads(initial, around)
    far = block_all_but_nearest(around.positions, 3)
    text, _ = layers[0].ask(initial, around)
    blocked = outside_mask(first.masks, around.padded)
    queries, _ = layers[0](Rows(initial, blocked, None), text, around, far)
    _make_half_of_them_likely(decoder.heads, decoder.heads(queries, around))
    second = decoder.heads(queries, around)
    ours = decoder(initial, around)
    queries, text = _literal(decoder, layers[1], queries, second, around)
    third = decoder.heads(queries, around)
    torch.testing.assert_close(ours[2].masks, third.masks)
    torch.testing.assert_close(ours[2].text, decoder.heads.project_text(text))
