"""A training whose process was killed ends as if nothing had happened."""

import time

import pytest
import torch

from hcfres.training.checkpoint import WEIGHTS, read_tensors
from hcfres.training.journal import read_journal
from tests.evaluation.small import make_cell
from tests.training.teams import Training, alone, begin_alone

pytestmark = pytest.mark.slow  # test_cell.py and test_text.py end one in order, on every commit

KINDS = ("", "best_held_out")


def training(folder):
    cell = make_cell(
        epochs=6, scenes_per_batch=1, accumulate=2, keep=("last", "best_held_out"), weight_decay=0.1
    )
    folder.mkdir()
    return Training(cell, (1, 2, 3), folder, checked=True)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A whole training, and one that was killed with SIGKILL in mid-epoch and gone on with."""
    folder = tmp_path_factory.mktemp("killed")
    whole, killed = training(folder / "whole"), training(folder / "killed")
    alone(whole)
    process = begin_alone(killed)
    while len(read_journal(killed.folder / "metrics.jsonl")) < 3:
        assert process.is_alive()
        time.sleep(0.005)
    process.kill()
    process.join()
    assert not (killed.folder / WEIGHTS).exists()
    alone(killed)
    return folder


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind or "last")
def test_every_kept_weight_is_bit_for_bit_the_same(folders, kind):
    (one, about), (other, told) = (
        read_tensors(folders / name / kind / WEIGHTS) for name in ("whole", "killed")
    )
    assert about == told
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_curves_are_the_same(folders):
    one, other = (
        [
            (told.losses, told.held_out_miou)
            for told in read_journal(folders / name / "metrics.jsonl")
        ]
        for name in ("whole", "killed")
    )
    assert one == other
    assert [miou is None for _, miou in one] == [True, False] * 3
