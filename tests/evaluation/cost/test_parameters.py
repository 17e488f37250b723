"""Parameters by part, and Table IV's totals."""

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import RobertaConfig, RobertaModel

from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.evaluation.cost.parameters import (
    Parameters,
    count_parameters,
    parameters_by_part,
    total,
    with_dead,
)
from hcfres.evaluation.cost.scenes import Widths
from hcfres.model.build import build_network

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
METHODS = sorted(path.stem for path in (EXPERIMENTS / "methods").glob("*.toml"))
CLIP, TEXT_WIDTH = Widths(dense=1024, instance=1024), 768
PAPER = {"mdin": "150.87", "ipdn": "156.53", "hcf_res": "157.69"}
"""Millions: MDIN's of its public code, the others' of Table IV."""


def _by_part(name):
    """At full size, with those that only the public code has."""
    method = load(EXPERIMENTS / "methods" / f"{name}.toml", MethodConfig)
    size = load(EXPERIMENTS / "settings" / "scannet.toml", SettingConfig).size
    with torch.device("meta"):
        network = build_network(method, size, CLIP.dense, TEXT_WIDTH)
    return network, parameters_by_part(network, with_dead(method, size, CLIP, TEXT_WIDTH))


def test_parameters_are_counted_by_whether_they_learn():
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    network[1].requires_grad_(False)
    counted = count_parameters(network, frozen=[nn.Linear(10, 10)])
    assert (counted.trainable, counted.frozen) == (16, 8 + 110)
    assert counted.total == 134


@pytest.mark.parametrize("name", METHODS)
def test_every_parameter_is_of_a_part_that_has_a_name(name):
    network, parts = _by_part(name)
    assert "others" not in parts
    assert total(parts).total == count_parameters(network).total


@pytest.mark.parametrize("name", PAPER)
def test_with_the_dead_ones_the_totals_are_the_papers(name):
    config = RobertaConfig(vocab_size=50265, max_position_embeddings=514, type_vocab_size=1)
    with torch.device("meta"):
        text = count_parameters(RobertaModel(config)).total  # its pooler included
    ours = total(_by_part(name)[1])
    assert f"{(ours.total + ours.dead + text) / 1e6:.2f}" == PAPER[name]


def test_dead_are_the_class_heads_and_the_norms_whose_results_are_discarded():
    _, parts = _by_part("ipdn")
    assert parts["class heads"] == Parameters(0, 0, dead=1_385_216)
    assert parts["decoder layers"].dead == 6 * 4 * 512
    assert parts["heads"].dead == 512
    assert total(parts).dead == 1_385_216 + 12_288 + 512


def test_a_frozen_part_is_frozen():
    network, _ = _by_part("mdin")
    network.freeze_backbone()
    parts = parameters_by_part(network)
    assert parts["U-Net"] == Parameters(0, 10_960_384)
    assert parts["decoder layers"].frozen == 0
