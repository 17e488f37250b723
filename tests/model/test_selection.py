import math

import torch

from hcfres.model.selection import LanguageGuidedSelection, sample_seeds


def _selection(queries):
    """One dimension, both projections the identity."""
    selection = LanguageGuidedSelection(1, queries)
    for layer in (selection.query_proj, selection.key_proj):
        torch.nn.init.ones_(layer.weight)
    return selection


def test_relevance_is_a_softmax_over_seeds_for_each_token_summed_over_valid_tokens():
    """Seeds 0 and ln 3; tokens 1, 2 and one of padding: softmaxes (1, 3) / 4 and (1, 9) / 10."""
    seeds = torch.tensor([[[0.0], [math.log(3)]]])
    text = torch.tensor([[[1.0], [2.0], [50.0]]])
    found = _selection(1)(
        seeds,
        torch.zeros(1, 2, dtype=torch.bool),
        text,
        torch.tensor([[True, True, False]]),
        torch.tensor([0]),
    )
    torch.testing.assert_close(found.relevance, torch.tensor([[0.35, 1.65]]))
    assert found.selected.tolist() == [[1]]


def test_each_expression_chooses_among_its_own_scenes_seeds_the_most_relevant_first():
    seeds = torch.tensor([[[0.0], [1.0], [2.0]], [[5.0], [3.0], [1.0]]])
    found = _selection(2)(
        seeds,
        torch.zeros(2, 3, dtype=torch.bool),
        torch.ones(3, 1, 1),
        torch.ones(3, 1, dtype=torch.bool),
        torch.tensor([0, 0, 1]),
    )
    assert found.selected.tolist() == [[2, 1], [2, 1], [0, 1]]
    torch.testing.assert_close(found.relevance.sum(1), torch.ones(3))


def test_padded_seeds_get_no_relevance_and_are_chosen_last():
    seeds = torch.tensor([[[0.0], [9.0], [1.0]]])
    found = _selection(3)(
        seeds,
        torch.tensor([[False, True, False]]),
        torch.ones(1, 1, 1),
        torch.ones(1, 1, dtype=torch.bool),
        torch.tensor([0]),
    )
    assert found.relevance[0, 1] == 0
    assert found.selected.tolist() == [[2, 0, 1]]
    assert found.padded.tolist() == [[False, False, True]]


def test_seeds_start_at_superpoint_zero_and_run_to_the_farthest():
    line = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [4, 0, 0], [2, 0, 0]]])
    seeds = sample_seeds(line, (4,), 3)
    assert seeds.index.tolist() == [[0, 2, 3]]
    assert not seeds.padded.any()


def test_a_small_scene_has_padded_seeds_instead_of_repeated_ones():
    centroids = torch.rand(2, 5, 3)
    seeds = sample_seeds(centroids, (2, 5), 4)
    assert sorted(seeds.index[0, :2].tolist()) == [0, 1]
    assert seeds.padded.tolist() == [[False, False, True, True], [False] * 4]


def test_the_legacy_sampling_skips_superpoints_near_the_origin_and_repeats():
    centroids = torch.tensor([[[1.0, 0, 0], [0.01, 0, 0], [2.0, 0, 0]]])
    assert sample_seeds(centroids, (3,), 3).index.sort().values.tolist() == [[0, 1, 2]]
    legacy = sample_seeds(centroids, (3,), 3, skips_origin=True)
    assert 1 not in legacy.index
    assert not legacy.padded.any()
