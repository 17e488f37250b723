import math

import pytest
import torch

from hcfres.model.output import LayerOutput
from hcfres.objective.masks import Pairs, make_pairs, mask_losses
from hcfres.objective.matching import Match
from hcfres.objective.objects import objects_from

LOG3 = math.log(3)


def _layer(masks, scores):
    masks = torch.tensor(masks, requires_grad=True)
    unit = torch.ones(*masks.shape[:2], 1)
    return LayerOutput(masks, torch.tensor(scores), torch.zeros(*masks.shape[:2], 2), unit, unit)


def _pairs(targets, real, expression=(0,), query=(0,)):
    expression = torch.tensor(expression)
    each = torch.bincount(expression, minlength=2).float()
    return Pairs(
        expression, torch.tensor(query), torch.tensor(targets), torch.tensor(real),
        1 / each[expression], 2,
    )  # fmt: skip


def test_bce_and_dice_by_hand_without_padding():
    """Probabilities 3/4, 1/4 and (padding) 1/2; targets 1, 0.

    BCE: -ln 3/4 for both. Dice: 1 - (2 * 3/4 + 1) / (1 + 1 + 1) = 1/6.
    """
    layer = _layer([[[LOG3, -LOG3, 0.0]], [[0.0, 0.0, 0.0]]], [[0.5], [0.5]])
    losses = mask_losses((layer,), _pairs([[True, False, False]], [[True, True, False]]))
    assert losses.bce.item() == pytest.approx(-math.log(0.75))
    assert losses.dice.item() == pytest.approx(1 / 6)


def test_the_score_learns_the_iou_of_good_masks_only():
    """IoU 2/3 with score 0.5: (1/6)^2. IoU exactly 1/2 is not good enough."""
    good = _layer([[[1.0, 1.0, 1.0]], [[0.0, 0.0, 0.0]]], [[0.5], [0.5]])
    pairs = _pairs([[True, True, False]], [[True, True, True]])
    assert mask_losses((good,), pairs).score.item() == pytest.approx(1 / 36, rel=1e-4)
    half = _layer([[[1.0, 1.0, -1.0]], [[0.0, 0.0, 0.0]]], [[0.5], [0.5]])
    pairs = _pairs([[True, False, False]], [[True, True, True]])
    assert mask_losses((half,), pairs).score.item() == 0


def test_each_expressions_pairs_are_averaged_and_expressions_summed():
    layer = _layer([[[LOG3], [-LOG3]], [[LOG3], [LOG3]]], [[0.5, 0.5], [0.5, 0.5]])
    pairs = _pairs([[True], [True], [True]], [[True]] * 3, (0, 0, 1), (0, 1, 0))
    losses = mask_losses((layer, layer), pairs)
    expected = (-math.log(0.75) - math.log(0.25)) / 2 - math.log(0.75)
    assert losses.bce.tolist() == pytest.approx([expected] * 2)


def _two_objects():
    instances = torch.tensor([[1, 1, 2, 2]])
    objects = objects_from(instances, torch.tensor([[1, 2]]), torch.zeros(1, 4, 3))
    pairs = torch.tensor([[[True, False], [True, False], [True, False], [False, True]]])
    return Match(pairs, torch.tensor([[0, 3]])), objects


def test_every_pair_is_compared_with_its_own_object():
    match, objects = _two_objects()
    nowhere = torch.zeros(1, 4, dtype=torch.bool)
    pairs = make_pairs(match, objects, nowhere, torch.zeros(1), target_indexing=False)
    assert pairs.targets.int().tolist() == [[1, 1, 0, 0]] * 3 + [[0, 0, 1, 1]]
    assert pairs.share.tolist() == [0.25] * 4


def test_with_the_legacy_indexing_the_second_object_is_compared_with_the_first():
    match, objects = _two_objects()
    nowhere = torch.zeros(1, 4, dtype=torch.bool)
    pairs = make_pairs(match, objects, nowhere, torch.zeros(1), target_indexing=True)
    assert pairs.targets.int().tolist() == [[1, 1, 0, 0]] * 4


def test_no_pair_is_no_loss():
    layer = _layer([[[1.0]], [[1.0]]], [[0.5], [0.5]])
    empty = torch.zeros(0, 1, dtype=torch.bool)
    none = torch.zeros(0, dtype=torch.long)
    losses = mask_losses((layer,), Pairs(none, none, empty, empty, torch.zeros(0), 2))
    assert losses.bce.item() == losses.dice.item() == losses.score.item() == 0
