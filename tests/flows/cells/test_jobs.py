"""What of an earlier training in a cell's folder outlives the beginning of the next."""

import pytest
import torch

from flows.cells.jobs import begin
from hcfres.training.checkpoint import save
from hcfres.training.optimizer import make_optimizer
from tests.training.tiny import CONFIG, TinyNetwork


@pytest.fixture
def cell(tmp_path):
    """A finished cell that was trained under the identity `key-old`."""
    torch.manual_seed(0)
    network = TinyNetwork()
    save(tmp_path / "checkpoint", network, make_optimizer(network, CONFIG), 3, "key-old")
    for name in ("metrics.jsonl", "DONE.json", "results.json"):
        (tmp_path / name).write_text("{}")
    return tmp_path


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_the_training_of_other_code_is_dropped_with_its_journal(cell):
    begin(cell, "key-new")
    assert names(cell) == {"results.json"}


def test_a_training_of_the_same_code_is_gone_on_with(cell):
    begin(cell, "key-old")
    assert names(cell) == {"results.json", "metrics.jsonl", "checkpoint"}


@pytest.mark.parametrize("place", [50, -1], ids=["header", "tensor"])
def test_a_damaged_checkpoint_is_put_aside_and_the_training_begins_anew(cell, capsys, place):
    state = cell / "checkpoint" / "state.safetensors"
    damaged = bytearray(state.read_bytes())
    damaged[place] ^= 1
    state.write_bytes(damaged)
    begin(cell, "key-old")
    (aside,) = cell.glob("checkpoint.damaged-*")
    assert names(cell) == {"results.json", aside.name}
    assert (aside / "state.safetensors").read_bytes() == damaged
    assert f"put aside as {aside.name}" in capsys.readouterr().err
