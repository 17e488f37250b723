"""Eq. 6 and the addition it is compared with."""

import math

import pytest
import torch

from hcfres.model.fusion.across_adaptive import AdaptiveAcross
from hcfres.model.fusion.across_add import AddAcross
from hcfres.model.fusion.parts import FusionSizes

SEMANTICS, GEOMETRY = torch.tensor([[8.0, 0.0]]), torch.tensor([[0.0, 4.0]])


def _gate(kind, last_bias):
    """A gate that always answers `last_bias`."""
    across = AdaptiveAcross(FusionSizes(dim=2, heads=1, gate=kind, gate_hidden=(3,)))
    with torch.no_grad():
        across.gate[-1].weight.zero_()
        across.gate[-1].bias.copy_(torch.tensor(last_bias))
    return across


def test_one_weight_for_each_modality_and_they_sum_to_one():
    """Eq. 6, by hand: logits ln 3 and 0, so w_2D = 3/4 and w_3D = 1/4."""
    across = _gate("scalar", [math.log(3), 0.0])
    blend = across(SEMANTICS, GEOMETRY)
    torch.testing.assert_close(blend.unified, torch.tensor([[6.0, 1.0]]))
    torch.testing.assert_close(blend.weights, torch.tensor([[[0.75], [0.25]]]))


def test_one_weight_for_each_channel():
    """Eq. 6, by hand: channel 0 has w_2D = 3/4, channel 1 has w_3D = 3/4."""
    across = _gate("channel", [math.log(3), 0.0, 0.0, math.log(3)])
    torch.testing.assert_close(across(SEMANTICS, GEOMETRY).unified, torch.tensor([[6.0, 3.0]]))


def test_two_independent_weights_for_each_channel():
    """Eq. 6, by hand: w_2D = 3/4 and w_3D = 1/2 on channel 0, 1/2 and 3/4 on channel 1."""
    across = _gate("channel_sigmoid", [math.log(3), 0.0, 0.0, math.log(3)])
    both = torch.tensor([[8.0, 2.0]])
    torch.testing.assert_close(across(both, GEOMETRY).unified, torch.tensor([[6.0, 4.0]]))


@pytest.mark.parametrize(("kind", "width"), [("scalar", 1), ("channel", 2), ("channel_sigmoid", 2)])
def test_the_weights_depend_on_the_place(kind, width):
    across = AdaptiveAcross(FusionSizes(dim=2, heads=1, gate=kind, gate_hidden=(16,)))
    weights = across.weights(torch.randn(50, 2), torch.randn(50, 2))
    assert weights.shape == (50, 2, width)
    sums_to_one = torch.allclose(weights.sum(1), torch.ones(50, width))
    assert sums_to_one == (kind != "channel_sigmoid")
    assert weights[:, 0].std(0).min() > 1e-3


def test_the_baseline_adds():
    across = AddAcross(FusionSizes(dim=2, heads=1, gate="scalar", gate_hidden=()))
    blend = across(SEMANTICS, GEOMETRY)
    assert blend.unified.tolist() == [[8.0, 4.0]]
    assert blend.weights is None
