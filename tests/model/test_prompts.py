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


def test_one_zero_row_stands_for_all_zero_prompts():
    torch.manual_seed(3)
    layers = [PromptAwareLayer(DIM, 2, 16, False) for _ in range(2)]
    decoder = PromptAwareDecoder(layers, PredictionHeads(DIM, 4), neighbours=3).double()
    for layer in decoder.heads.indi_embedding[2:]:
        torch.nn.init.normal_(layer.weight, std=3.0)
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
    queries = _queries(2)
    ours = decoder(queries, around)
    first = decoder.heads(queries, around)
    far = block_all_but_nearest(around.positions, 3)
    text, _ = layers[0].ask(queries, around)
    blocked = outside_mask(first.masks, around.padded)
    queries, _ = layers[0](Rows(queries, blocked, None), text, around, far)
    second = decoder.heads(queries, around)
    likely = (second.indicators.softmax(-1)[..., 1] > 0.75).sum(1)
    assert 0 < int(likely.sum()) < 2 * QUERIES
    queries, text = _literal(decoder, layers[1], queries, second, around)
    third = decoder.heads(queries, around)
    torch.testing.assert_close(ours[2].masks, third.masks)
    torch.testing.assert_close(ours[2].text, decoder.heads.project_text(text))
