"""What of an earlier training in a cell's folder outlives the beginning of the next."""

import pytest
import torch

from flows.cells.jobs import begin
from hcfres.training.checkpoint import CheckpointError, save
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


def test_a_cell_whose_checkpoint_is_damaged_stays_as_it_was(cell):
    state = cell / "checkpoint" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:50])
    with pytest.raises(CheckpointError, match="damaged"):
        begin(cell, "key-new")
    assert (cell / "DONE.json").exists()
