"""The optimiser, clipping, and what stays frozen."""

import pytest
import torch
from torch import nn

from hcfres.training.optimizer import follow, make_optimizer, train_mode
from tests.training.tiny import CONFIG, TinyNetwork


def test_only_parameters_with_a_gradient_are_optimised():
    network = TinyNetwork()
    chosen = make_optimizer(network, CONFIG).param_groups[0]
    trained = [*network.trained.parameters(), *network.head.parameters()]
    assert [id(p) for p in chosen["params"]] == [id(p) for p in trained]
    assert (chosen["lr"], chosen["weight_decay"]) == (1e-2, 1e-3)


def test_the_gradient_is_clipped_to_the_norm():
    weight = nn.Parameter(torch.tensor([0.0, 0.0]))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    (weight * torch.tensor([3.0, 4.0])).sum().backward()
    norm = follow(optimizer, clip_norm=0.5)
    assert norm == pytest.approx(5)
    assert weight.tolist() == pytest.approx([-0.3, -0.4], rel=1e-5)


def test_a_gradient_that_is_not_a_number_changes_nothing():
    weight = nn.Parameter(torch.tensor([1.0]))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    (weight * float("inf")).sum().backward()
    assert follow(optimizer, clip_norm=1.0) == float("inf")
    assert weight.tolist() == [1.0]


def test_frozen_parts_stay_in_evaluation_mode_in_training():
    network = TinyNetwork()
    network.frozen.requires_grad_(False)
    train_mode(network)
    before = network.frozen[1].running_mean.clone()
    network.frozen(torch.randn(5, 6))
    assert torch.equal(network.frozen[1].running_mean, before)
    assert not any(part.training for part in network.frozen.modules())
    assert all(part.training for part in network.trained.modules())
