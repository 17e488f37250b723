"""What of an earlier training in a cell's folder outlives the beginning of the next."""

import json
import shutil
from dataclasses import asdict, replace

import pytest
import torch

from flows.cells.jobs import begin
from hcfres.training.checkpoint import WEIGHTS, save, save_weights
from hcfres.training.optimizer import make_optimizer
from tests.flows.tracking.test_logbook import EPOCH
from tests.training.tiny import CONFIG, TinyNetwork

KEPT = ("best_held_out",)


@pytest.fixture
def cell(tmp_path):
    """A finished cell that was trained under the identity `key-old`."""
    torch.manual_seed(0)
    network = TinyNetwork()
    save(tmp_path / "checkpoint", network, make_optimizer(network, CONFIG), 3, "key-old")
    save_weights(tmp_path / "best_held_out" / WEIGHTS, network, {"epoch": 1})
    for name in ("metrics.jsonl", "DONE.json", "results.json"):
        (tmp_path / name).write_text("{}")
    return tmp_path


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_the_training_of_other_code_is_dropped_with_its_journal(cell):
    begin(cell, "key-new", KEPT)
    assert names(cell) == {"results.json"}


def test_a_training_of_the_same_code_is_gone_on_with(cell):
    begin(cell, "key-old", KEPT)
    assert names(cell) == {"results.json", "metrics.jsonl", "checkpoint", "best_held_out"}


def test_what_a_kill_before_the_first_checkpoint_left_is_dropped(cell):
    shutil.rmtree(cell / "checkpoint")
    begin(cell, "key-old", KEPT)
    assert names(cell) == {"results.json"}


def flip(path, place):
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 1
    path.write_bytes(damaged)
    return damaged


@pytest.mark.parametrize("place", [50, -1], ids=["header", "tensor"])
def test_a_damaged_checkpoint_is_put_aside_and_the_training_begins_anew(cell, capsys, place):
    damaged = flip(cell / "checkpoint" / "state.safetensors", place)
    begin(cell, "key-old", KEPT)
    (aside,) = cell.glob("checkpoint.damaged-*")
    assert names(cell) == {"results.json", aside.name}
    assert (aside / "state.safetensors").read_bytes() == damaged
    assert f"put aside as {aside.name}" in capsys.readouterr().err


@pytest.mark.parametrize("place", [30, -1], ids=["header", "tensor"])
def test_damaged_best_weights_begin_the_training_anew(cell, capsys, place):
    flip(cell / "best_held_out" / WEIGHTS, place)
    begin(cell, "key-old", KEPT)
    (aside,) = cell.glob("checkpoint.damaged-*")
    assert names(cell) == {"results.json", aside.name}
    told = capsys.readouterr().err
    assert f"best_held_out/{WEIGHTS}: damaged" in told and "the training begins anew" in told


def gone_on_with(cell, *scores):
    """Let the cell's checkpoint have an epoch for each score on held-out spaces."""
    told = [replace(EPOCH, epoch=n, held_out_miou=miou) for n, miou in enumerate(scores)]
    journal = "".join(json.dumps(asdict(report)) + "\n" for report in told)
    network = TinyNetwork()
    optimizer = make_optimizer(network, CONFIG)
    save(cell / "checkpoint", network, optimizer, len(scores), "key-old", journal)


def test_a_training_before_its_first_check_has_no_best_weights_and_is_gone_on_with(cell):
    gone_on_with(cell, None, None)
    (cell / "best_held_out" / WEIGHTS).unlink()
    begin(cell, "key-old", KEPT)
    assert (cell / "checkpoint").exists()


def test_best_weights_that_are_gone_begin_the_training_anew(cell, capsys):
    gone_on_with(cell, None, 0.5, None)
    (cell / "best_held_out" / WEIGHTS).unlink()
    begin(cell, "key-old", KEPT)
    (aside,) = cell.glob("checkpoint.damaged-*")
    assert names(cell) == {"results.json", aside.name}
    told = capsys.readouterr().err
    assert f"best_held_out/{WEIGHTS}" in told and "the training begins anew" in told


def test_best_weights_that_are_not_kept_need_not_be_there(cell):
    gone_on_with(cell, 0.5)
    (cell / "best_held_out" / WEIGHTS).unlink()
    begin(cell, "key-old", ())
    assert (cell / "checkpoint").exists()
