"""What is kept between two epochs."""

import errno
import os

import pytest
import safetensors.torch
import torch

from hcfres.store.errors import StoreError
from hcfres.training import checkpoint
from hcfres.training.optimizer import follow, make_optimizer
from tests.training.tiny import CONFIG, TinyNetwork


def trained():
    torch.manual_seed(0)
    network = TinyNetwork()
    optimizer = make_optimizer(network, CONFIG)
    network.head(network.trained(torch.randn(4, 8))).sum().backward()
    follow(optimizer, 1.0)
    return network, optimizer


def test_network_and_optimiser_come_back_exactly(tmp_path):
    network, optimizer = trained()
    checkpoint.save(tmp_path, network, optimizer, 3, "me")
    other = TinyNetwork()
    its = make_optimizer(other, CONFIG)
    assert checkpoint.restore(tmp_path, other, its, "me") == 3
    for name, tensor in network.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)
    for index, moments in optimizer.state_dict()["state"].items():
        for name, tensor in moments.items():
            assert torch.equal(its.state_dict()["state"][index][name], tensor)


def test_where_nothing_was_saved_training_begins_at_the_beginning(tmp_path):
    assert checkpoint.restore(tmp_path, *trained(), "me") == 0


def test_the_state_of_another_training_is_refused(tmp_path):
    checkpoint.save(tmp_path, *trained(), 3, "me")
    with pytest.raises(checkpoint.CheckpointError, match="belongs to training me"):
        checkpoint.restore(tmp_path, *trained(), "you")


def test_whose_state_it_is_can_be_asked_beforehand(tmp_path):
    assert checkpoint.is_of(tmp_path, "me")
    checkpoint.save(tmp_path, *trained(), 3, "me")
    assert checkpoint.is_of(tmp_path, "me")
    assert not checkpoint.is_of(tmp_path, "you")


def test_a_damaged_file_is_refused_by_name(tmp_path):
    checkpoint.save(tmp_path, *trained(), 3, "me")
    path = tmp_path / "state.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(checkpoint.CheckpointError, match=r"state.safetensors: damaged"):
        checkpoint.restore(tmp_path, *trained(), "me")


@pytest.mark.parametrize("place", [12, 200, -1])
def test_a_single_lost_bit_is_refused_wherever_it_is(tmp_path, place):
    checkpoint.save(tmp_path, *trained(), 3, "me")
    path = tmp_path / "state.safetensors"
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 4
    path.write_bytes(damaged)
    with pytest.raises(checkpoint.CheckpointError):
        checkpoint.restore(tmp_path, *trained(), "me")


@pytest.mark.parametrize("place", [12, 30, 60, 200, -1])
def test_a_single_lost_bit_of_weights_is_refused_too(tmp_path, place):
    path = tmp_path / "weights.safetensors"
    checkpoint.save_weights(path, trained()[0], {"epoch": 4})
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(checkpoint.CheckpointError, match=r"weights.safetensors: damaged"):
        checkpoint.read_tensors(path)


def test_weights_of_before_hashes_were_kept_are_read(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(safetensors.torch.save({"a": torch.ones(2)}, {"epoch": "4"}))
    tensors, about = checkpoint.read_tensors(path)
    assert (tensors["a"].tolist(), about) == ([1.0, 1.0], {"epoch": "4"})


def test_the_journal_is_kept_with_the_state(tmp_path):
    assert checkpoint.kept_journal(tmp_path) == ""
    checkpoint.save(tmp_path, *trained(), 1, "me", '{"epoch": 0}\n')
    assert checkpoint.kept_journal(tmp_path) == '{"epoch": 0}\n'


def test_a_full_disk_is_said_and_leaves_the_old_state(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, *trained(), 3, "me")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="the disk is full"):
            checkpoint.save(tmp_path, *trained(), 4, "me")
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]
    assert checkpoint.restore(tmp_path, *trained(), "me") == 3


def test_final_weights_say_what_they_are_of(tmp_path):
    network, _ = trained()
    checkpoint.save_weights(tmp_path / "weights.safetensors", network, {"dense_width": 4})
    tensors, about = checkpoint.read_tensors(tmp_path / "weights.safetensors")
    assert about == {"dense_width": "4"}
    assert tensors.keys() == network.state_dict().keys()


def test_what_is_written_again_has_the_same_bytes_and_is_read_as_it_was(tmp_path):
    tensors = {"b": torch.arange(3), "a": torch.randn(2, 5), "none": torch.zeros(0)}
    about = {name: f"what {name} says: é\n\"'" for name in "zyxwvutsrq"}
    paths = [tmp_path / f"{number}.safetensors" for number in range(8)]
    for path in paths:
        checkpoint.write_tensors(path, tensors, about)
        found, told = checkpoint.read_tensors(path)
        assert told == about
        assert found.keys() == tensors.keys()
        assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert len({path.read_bytes() for path in paths}) == 1


def test_tensors_without_a_word_are_written_too(tmp_path):
    checkpoint.write_tensors(tmp_path / "bare.safetensors", {"a": torch.ones(1)}, {})
    assert checkpoint.read_tensors(tmp_path / "bare.safetensors")[1] == {}
