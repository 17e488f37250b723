import math

import pytest
import torch

from hcfres.objective.indicator import indicator_loss, sampling_loss, seed_targets
from hcfres.objective.matching import Match
from hcfres.objective.objects import objects_from


def test_background_counts_a_tenth_and_padding_nothing():
    """Matched with probability 3/4, background with 3/4 wrongly, padding with anything."""
    said = [0.0, math.log(3)]
    indicators = torch.tensor([[[said, said, said]]])
    loss = indicator_loss(
        indicators, torch.tensor([[True, False, False]]), torch.tensor([[False, False, True]])
    )
    assert loss.tolist() == pytest.approx([-math.log(0.75) - 0.1 * math.log(0.25)])


def test_seeds_of_a_target_should_be_relevant_by_their_distance():
    """The nearest seed 1; one in the target 2 m away exp(-2); others half of what is said."""
    objects = objects_from(torch.tensor([[5, -1]]), torch.tensor([[5]]), torch.zeros(1, 2, 3))
    positions = torch.tensor([[[0.1, 0, 0], [2.0, 0, 0], [1.0, 0, 0]]])
    match = Match(torch.tensor([[[True], [True], [False]]]), torch.tensor([[0]]))
    wanted = seed_targets(positions, torch.tensor([[1.0, 1.0, 0.5]]), match, objects)
    torch.testing.assert_close(wanted, torch.tensor([[1.0, math.exp(-2), 0.25]]))


def test_without_targets_only_named_classes_are_relevant():
    objects = objects_from(
        torch.tensor([[5]]), torch.zeros(1, 0, dtype=torch.long), torch.zeros(1, 1, 3)
    )
    match = Match(torch.zeros(1, 2, 0, dtype=torch.bool), torch.zeros(1, 0, dtype=torch.long))
    wanted = seed_targets(torch.zeros(1, 2, 3), torch.tensor([[0.5, 0.0]]), match, objects)
    assert wanted.tolist() == [[0.25, 0.0]]


def test_the_sampling_loss_is_focal_and_a_mean_over_real_seeds():
    """Logit ln 3, so p = 3/4. Wanted 1: 1/4 (1/4)^2 ln 4/3. Wanted 0: 3/4 (3/4)^2 ln 4."""
    logits = torch.full((1, 3), math.log(3))
    loss = sampling_loss(
        logits, torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[False, False, True]])
    )
    expected = (math.log(4 / 3) / 64 + 27 / 64 * math.log(4)) / 2
    assert loss.item() == pytest.approx(expected)


def test_no_expression_is_no_loss():
    none = torch.zeros(0, 3)
    assert sampling_loss(none, none, none.bool()).item() == 0
