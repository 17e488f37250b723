import torch

from hcfres.model.output import NOTHING_LOGIT, LayerOutput, NetworkOutput, answer


def _output(indicators, masks, queries_padded=None, padded=None):
    indicators, masks = torch.tensor(indicators), torch.tensor(masks)
    count, queries, superpoints = masks.shape
    index = torch.zeros(count, queries, dtype=torch.long)
    unit = torch.ones(count, queries, 1)
    none = torch.zeros(count, superpoints, dtype=torch.bool)
    return NetworkOutput(
        layers=(LayerOutput(masks, unit[..., 0], indicators, unit, unit),),
        relevance=unit[..., 0],
        seeds=index,
        seeds_padded=index.bool(),
        selected=index,
        queries_padded=index.bool() if queries_padded is None else torch.tensor(queries_padded),
        centroids=torch.zeros(count, superpoints, 3),
        padded=none if padded is None else torch.tensor(padded),
    )


MASKS = [[[1.0, -2.0, 3.0], [4.0, -5.0, 0.0], [9.0, 9.0, 9.0]]]


def test_the_union_is_the_largest_logit_over_the_queries_that_fire():
    found = answer(_output([[[0.0, 1.0], [0.0, 0.1], [1.0, 0.0]]], MASKS))
    assert found.fired.tolist() == [[True, True, False]]
    assert found.logits.tolist() == [[4.0, -2.0, 3.0]]


def test_nothing_fires_is_an_empty_answer_and_a_tie_does_not_fire():
    found = answer(_output([[[1.0, 0.0], [2.0, 0.0], [1.0, 1.0]]], MASKS))
    assert not found.fired.any()
    assert (found.logits == NOTHING_LOGIT).all()


def test_the_other_rule_always_takes_the_one_most_likely_query():
    found = answer(_output([[[3.0, 0.0], [2.0, 0.0], [9.0, 0.0]]], MASKS), "res")
    assert found.fired.tolist() == [[False, True, False]]
    assert found.logits.tolist() == [[4.0, -5.0, 0.0]]


def test_padded_queries_never_fire_and_padded_superpoints_are_never_claimed():
    sure = [[[0.0, 1.0]] * 3]
    output = _output(sure, MASKS, [[False, False, True]], [[False, True, True]])
    for rule in ("gres", "res"):
        found = answer(output, rule)
        assert not found.fired[0, 2]
        assert found.probability[0, 2] == 0
        assert found.logits[0, 1:].tolist() == [NOTHING_LOGIT] * 2
