import json

import pytest
import torch
from torch import nn

from hcfres.config.loading import ConfigError, parse
from hcfres.config.method import MethodConfig
from hcfres.model.build import build_network
from hcfres.model.fusion import registry
from hcfres.model.fusion.parts import Blend

from ..tiny import SIZE, TEXT_WIDTH, WIDTH, make_batch, make_method


class GreaterAcross(nn.Module):
    """The larger of both modalities in each channel: a new variant's whole file."""

    def __init__(self, sizes):
        super().__init__()

    def forward(self, semantics, geometry):
        return Blend(torch.maximum(semantics, geometry), None)


def _with_across(name):
    raw = json.loads(make_method().model_dump_json())
    raw["fusion"]["across"] = name
    return parse(raw, MethodConfig, "a test")


def test_a_new_variant_is_one_file_one_registry_line_and_one_toml_value(monkeypatch):
    monkeypatch.setitem(registry.ACROSS, "greater", GreaterAcross)
    network = build_network(_with_across("greater"), SIZE, WIDTH, TEXT_WIDTH)
    assert isinstance(network.encoder.fusion.across, GreaterAcross)
    batch = make_batch()
    output = network(batch.scenes, batch.text)
    assert all(layer.masks.isfinite().all() for layer in output.layers)


def test_an_unknown_variant_is_refused_with_the_nearest_known_name():
    with pytest.raises(ConfigError) as caught:
        build_network(_with_across("adaptiv"), SIZE, WIDTH, TEXT_WIDTH)
    said = "fusion.across: no fusion variant is called 'adaptiv'; did you mean `adaptive`?"
    assert str(caught.value) == said


def test_an_unknown_variant_far_from_all_lists_the_known_ones():
    with pytest.raises(ConfigError, match="known: adaptive, add"):
        build_network(_with_across("zzz"), SIZE, WIDTH, TEXT_WIDTH)
