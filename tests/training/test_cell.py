"""Training a cell with the real network."""

import json
from dataclasses import replace

import pytest
import torch

from hcfres.config.cell import CellConfig
from hcfres.config.loading import ConfigError, parse
from hcfres.config.setting import AugmentConfig
from hcfres.evaluation.evaluate import AnswerRules, held_out_miou
from hcfres.objective.criterion import Criterion
from hcfres.training.cell import Place, Widths, make_network, train, widths_of
from hcfres.training.checkpoint import read_tensors
from tests.evaluation.small import METHOD, MIN_POINTS, SmallRooms, make_cell


class Killed(Exception):
    """Stands for the end of the process."""


def place(tmp_path, name="cell"):
    return Place(tmp_path / name, tmp_path)


def weights(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("backbone", ["trained", "frozen"])
def test_a_cell_killed_after_an_epoch_ends_with_the_same_weights(tmp_path, backbone):
    cell, rooms = make_cell(backbone=backbone), SmallRooms(1, 2, 3)
    whole = train(cell, rooms, place(tmp_path, "whole"), report=lambda _: None)

    def kill(report):
        raise Killed

    with pytest.raises(Killed):
        train(cell, rooms, place(tmp_path, "killed"), report=kill)
    resumed = train(cell, rooms, place(tmp_path, "killed"), report=lambda _: None)
    assert same(weights(whole), weights(resumed))


def test_the_seed_decides_the_first_weights(tmp_path):
    widths = Widths(5, 7)
    first, again, other = (
        weights(make_network(make_cell(seed=seed), widths, tmp_path)) for seed in (0, 0, 1)
    )
    assert same(first, again)
    assert not same(first, other)


def test_a_frozen_u_net_is_what_it_was(tmp_path):
    cell, rooms = make_cell(backbone="frozen"), SmallRooms(1, 2)
    before = weights(make_network(cell, Widths(5, 7), tmp_path).encoder.backbone)
    trained = train(cell, rooms, place(tmp_path), report=lambda _: None)
    assert same(before, weights(trained.encoder.backbone))
    assert not same(
        weights(make_network(cell, Widths(5, 7), tmp_path).decoder), weights(trained.decoder)
    )


def test_a_frozen_u_net_looks_at_each_scene_once_unless_scenes_change(tmp_path, monkeypatch):
    from hcfres.model.backbone import SparseUNet  # noqa: PLC0415

    seen = []
    forward = SparseUNet.forward
    monkeypatch.setattr(
        SparseUNet, "forward", lambda *args: (seen.append(args[4:]), forward(*args))[1]
    )
    rooms = SmallRooms(1, 2)
    train(make_cell(backbone="frozen"), rooms, place(tmp_path, "a"), report=lambda _: None)
    assert seen == [(1, True), (1, True)]  # and their neighbours are not kept for a second look
    augment = AugmentConfig(jitter=0.1, flip=0.0, rotate=False, colour=0.0, elastic=False)
    cell = make_cell(backbone="frozen", augment=augment)
    train(cell, rooms, place(tmp_path, "b"), report=lambda _: None)
    assert len(seen) > 4


def test_the_weights_tell_how_to_build_the_network(tmp_path):
    cell = make_cell(epochs=1)
    network = train(cell, SmallRooms(1), place(tmp_path), report=lambda _: None)
    tensors, texts = read_tensors(tmp_path / "cell" / "weights.safetensors")
    about = {name: json.loads(text) for name, text in texts.items()}
    assert tensors.keys() == network.state_dict().keys()
    assert parse(about["cell"], CellConfig, "header") == cell
    assert (about["dense"], about["text"]) == (5, 7)


def test_widths_are_read_from_the_batches():
    rooms = SmallRooms(1)
    assert widths_of(rooms) == Widths(dense=5, text=7)
    of_rooms = rooms.batch

    def projected(*asked):
        batch = of_rooms(*asked)
        narrower = replace(batch.scenes, instance=batch.scenes.instance[:, :3])
        return replace(batch, scenes=narrower)

    rooms.batch = projected
    assert widths_of(rooms) == Widths(dense=5, text=7, instance=3)


def test_missing_weights_are_named(tmp_path):
    cell = make_cell(backbone_weights="nowhere.safetensors")
    with pytest.raises(ConfigError, match=r"nowhere\.safetensors"):
        train(cell, SmallRooms(1), place(tmp_path), report=lambda _: None)


def test_a_step_of_nothing_but_zero_target_sentences_is_finite(tmp_path):
    rooms = SmallRooms(*range(6), expressions=4)
    empty = rooms.zero_targets
    assert len(empty) >= 2
    batch = rooms.batch(empty[:2], ())
    network = make_network(make_cell(), Widths(5, 7), tmp_path)
    losses = Criterion(METHOD.losses)(network(batch.scenes, batch.text), batch)
    losses.total.backward()
    assert torch.isfinite(losses.total)
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_a_training_in_bf16_learns_and_is_not_the_one_in_fp32(tmp_path):
    ends = {}
    for precision in ("bf16", "fp32"):
        told = []
        cell = make_cell(backbone="frozen", precision=precision, epochs=5, learning_rate=5e-3)
        network = train(cell, SmallRooms(1, 2), place(tmp_path, precision), told.append)
        ends[precision] = weights(network)
        losses = [report.losses["total"] for report in told]
        assert losses[-1] < losses[0] - 0.05
    assert {tensor.dtype for tensor in ends["bf16"].values() if tensor.is_floating_point()} == {
        torch.float32
    }
    assert all(tensor.isfinite().all() for tensor in ends["bf16"].values())
    assert not same(ends["bf16"], ends["fp32"])


@pytest.mark.slow
def test_a_network_learns_the_rooms_it_sees(tmp_path):
    rooms = SmallRooms(1, 2)
    rules = AnswerRules("gres", MIN_POINTS)
    cell = make_cell(epochs=150, learning_rate=5e-3, expressions_per_scene=6)
    network = train(cell, rooms, place(tmp_path), report=lambda _: None)
    assert held_out_miou(network, rooms, rules) > 0.95
