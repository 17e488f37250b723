"""What a method costs."""

import pytest
from torch import nn

from hcfres.evaluation.cost import Latency, count_parameters, measure_latency
from hcfres.model.build import build_network
from hcfres.training.order import Chunk
from tests.evaluation.small import SmallRooms, make_cell


def test_parameters_are_counted_by_whether_they_learn():
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    network[1].requires_grad_(False)
    counted = count_parameters(network, frozen=[nn.Linear(10, 10)])
    assert (counted.trainable, counted.frozen) == (16, 8 + 110)
    assert counted.total == 134


def test_the_scenes_part_is_shared_by_its_sentences():
    latency = Latency(
        8, backbone_ms=30.0, fusion_ms=10.0, decoder_ms=15.0, answer_ms=1.0, repeats=5
    )
    assert latency.scene_ms == 40
    assert latency.expression_ms == 2
    assert latency.shared_ms == 7


def test_a_forward_pass_is_timed_in_parts():
    cell = make_cell()
    network = build_network(cell.method, cell.setting.size, dense_width=5, text_width=7)
    latency = measure_latency(network, SmallRooms(1).whole("scene0001_00"), repeats=2, warm_up=1)
    assert latency.expressions == 6
    assert min(latency.backbone_ms, latency.fusion_ms, latency.decoder_ms) > 0
    assert not network.training


def test_latency_needs_one_scene():
    cell = make_cell()
    network = build_network(cell.method, cell.setting.size, dense_width=5, text_width=7)
    chunks = tuple(Chunk(f"scene000{i}_00", (0,)) for i in (1, 2))
    both = SmallRooms(1, 2).batch(chunks, ())
    with pytest.raises(ValueError, match="one scene"):
        measure_latency(network, both)
