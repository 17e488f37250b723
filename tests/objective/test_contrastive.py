import math

import pytest
import torch
from torch.nn import functional as F

from hcfres.objective.contrastive import contrastive_loss, make_words

QUERIES, TOKENS = 3, 6


def _inputs(seed, length=5):
    generator = torch.Generator().manual_seed(seed)
    maps = (torch.rand(1, 5, TOKENS, generator=generator) < 0.4).double()
    maps[..., length - 2 :] = 0  # `not mentioned` and the padding name nothing
    maps = maps / maps.sum(-1, keepdim=True).clamp(min=1)
    valid = torch.arange(TOKENS)[None] < length
    vision = F.normalize(torch.randn(2, 1, QUERIES, 4, generator=generator).double(), dim=-1)
    text = F.normalize(torch.randn(2, 1, TOKENS, 4, generator=generator).double(), dim=-1)
    return vision, text, maps, valid


def _by_loops(vision, text, maps, valid, matched, padded_tokens):
    """The same for one layer and one expression, written out token by token."""
    z = vision @ text.T / 0.07
    count = int(valid.sum())
    main, attribute, pronoun, other, relation = maps
    columns = range(TOKENS if padded_tokens else count)
    total = 0.0
    positives = []
    for query in range(QUERIES):
        taught = bool(matched[query])
        own = [t for t in range(TOKENS) if main[t] > 0] if taught else [count - 1, count - 2]
        positives.append(own)
        if not own:
            continue
        loss = -sum(z[query, t] for t in own) / (len(own) + 1e-6)
        for kind, weight in ((attribute, 0.2), (pronoun, 0.2), (relation, 0.1)):
            named = [t for t in range(TOKENS) if kind[t] > 0] if taught else []
            loss = loss - weight * sum(z[query, t] for t in named) / (len(named) + 1e-6)
        rivals = [z[query, t] * (2 if taught and other[t] > 0 else 1) for t in columns]
        loss = loss + torch.stack(rivals).logsumexp(0)
        total = total + loss * (1.0 if taught else 0.1)
    for token in range(TOKENS):
        count_here, pull, any_positive = 1e-6, 0.0, False
        weight = 1.0 if token == count - 1 else 0.1
        for query in range(QUERIES):
            if token in positives[query]:
                count_here, pull = count_here + 1, pull + z[query, token]
                any_positive, weight = True, 1.0
        for kind, kind_weight in ((attribute, 0.2), (pronoun, 0.2), (relation, 0.1)):
            for query in range(QUERIES):
                if matched[query] and kind[token] > 0:
                    count_here = count_here + kind[token]
                    pull = pull + z[query, token]
                    any_positive, weight = True, kind_weight
        if token == count - 2:
            weight = 0.1
        if any_positive:
            entropy = math.log(count_here + 1e-6) / count_here
            total = total + weight * (z[:, token].logsumexp(0) - pull / count_here - entropy)
    return total / 2


@pytest.mark.parametrize("padded_tokens", [False, True])
@pytest.mark.parametrize("matched", [(True, False, True), (False, False, False), (True,) * 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_equals_the_definition_written_out_token_by_token(seed, matched, padded_tokens):
    vision, text, maps, valid = _inputs(seed)
    matched = torch.tensor([matched])
    words = make_words(maps, valid, matched, torch.zeros_like(matched))
    found = contrastive_loss(vision, text, words, padded_tokens)
    for layer in range(2):
        expected = _by_loops(
            vision[layer, 0], text[layer, 0], maps[0], valid[0], matched[0], padded_tokens
        )
        assert found[layer].item() == pytest.approx(float(expected), abs=1e-9)


def test_padded_tokens_and_padded_queries_change_nothing():
    vision, text, maps, valid = _inputs(3)
    matched = torch.tensor([[True, False, False]])
    padded = torch.tensor([[False, False, True]])
    words = make_words(maps, valid, matched, padded)
    before = contrastive_loss(vision, text, words, False)
    text = text.masked_fill(~valid[..., None], 0.7)
    vision = vision.masked_fill(padded[..., None], 0.3)
    torch.testing.assert_close(contrastive_loss(vision, text, words, False), before)


def test_queries_that_are_no_targets_belong_to_the_last_two_valid_tokens():
    valid = torch.tensor([[True, True, True, False]])
    matched = torch.tensor([[False, True]])
    maps = torch.zeros(1, 5, 4)
    maps[0, 0, 0] = 1
    words = make_words(maps, valid, matched, torch.zeros_like(matched))
    assert words.main[0].int().tolist() == [[0, 1, 1, 0], [1, 0, 0, 0]]
