"""The weights of the best epoch, beside the last."""

import contextlib
import json
import shutil

import pytest
import torch

from hcfres.training.checkpoint import WEIGHTS, read_tensors
from hcfres.training.journal import read_journal
from hcfres.training.loop import Checks, fit
from tests.training.tiny import CONFIG, make_run


class Scores:
    """Checks that give these scores in turn, and remember what they were given."""

    def __init__(self, *scores):
        self._scores, self.seen = list(scores), []

    def __call__(self, network):
        self.seen.append({n: tensor.clone() for n, tensor in network.state_dict().items()})
        return float(self._scores[len(self.seen) - 1])


def keeping(*kinds):
    return CONFIG.model_copy(update={"keep": ("last", *kinds)})


def kept(folder, kind):
    tensors, about = read_tensors(folder / kind / WEIGHTS)
    return tensors, {name: json.loads(text) for name, text in about.items()}


@pytest.mark.parametrize(
    ("scores", "best"), [((0.1, 0.4, 0.3, 0.2), 1), ((0.4, 0.1, 0.2, 0.4), 0), ((0, 0, 0, 0.5), 3)]
)
def test_the_first_epoch_with_the_highest_score_is_kept(tmp_path, scores, best):
    check = Scores(*scores)
    run = make_run(tmp_path, config=keeping("best_held_out"), about={"text": 7})
    last = fit(run, lambda _: None, Checks(held_out=check, every=1))
    weights, about = kept(tmp_path, "best_held_out")
    assert about == {"epoch": best, "held_out_miou": scores[best], "text": 7}
    assert all(torch.equal(weights[name], check.seen[best][name]) for name in weights)
    assert weights.keys() == last.state_dict().keys()


class Killed(Exception):
    """Stands for the end of the process."""


def train(folder, *scores, until=3):
    def kill(told):
        if told.epoch == until:
            raise Killed

    config = keeping("best_held_out")
    with contextlib.suppress(Killed):
        fit(make_run(folder, config=config), kill, Checks(Scores(*scores), every=1))


def test_a_kill_between_best_weights_and_checkpoint_repeats_only_that_epoch(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(whole, 0.1, 0.2, 0.9, 0.3)
    train(killed, 0.1, 0.2, until=1)
    state = shutil.copytree(killed / "checkpoint", tmp_path / "before")
    train(killed, 0.9, until=2)
    shutil.rmtree(killed / "checkpoint")
    state.rename(killed / "checkpoint")
    train(killed, 0.9, 0.3)
    (one, about), (other, told) = (kept(folder, "best_held_out") for folder in (whole, killed))
    assert about == told == {"epoch": 2, "held_out_miou": 0.9}
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    curves = [read_journal(folder / "metrics.jsonl") for folder in (whole, killed)]
    assert [[t.losses for t in curve] for curve in curves] == [[t.losses for t in curves[0]]] * 2
    assert [[t.held_out_miou for t in curve] for curve in curves] == [[0.1, 0.2, 0.9, 0.3]] * 2


def test_a_resumed_training_remembers_its_best(tmp_path):
    train(tmp_path, 0.9, 0.1, until=1)
    train(tmp_path, 0.5, 0.6)
    assert kept(tmp_path, "best_held_out")[1]["epoch"] == 0


def test_only_what_is_asked_for_is_kept(tmp_path):
    checks = Checks(held_out=Scores(*[0.5] * 4), validation=Scores(*[0.5] * 4), every=1)
    fit(make_run(tmp_path / "a"), lambda _: None, checks)
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"checkpoint", "metrics.jsonl"}
    both = keeping("best_held_out", "best_validation")
    checks = Checks(held_out=Scores(1, 0, 0, 0), validation=Scores(0, 0, 1, 0), every=1)
    fit(make_run(tmp_path / "b", config=both), lambda _: None, checks)
    epochs = [kept(tmp_path / "b", name)[1]["epoch"] for name in both.keep[1:]]
    assert epochs == [0, 2]


def test_a_check_does_not_change_what_is_learnt(tmp_path):
    def check(network):
        torch.rand(3)
        network.eval()
        return 0.5

    checked = fit(make_run(tmp_path / "a"), lambda _: None, Checks(held_out=check, every=1))
    plain = fit(make_run(tmp_path / "b"), lambda _: None)
    assert all(
        torch.equal(tensor, plain.state_dict()[name])
        for name, tensor in checked.state_dict().items()
    )
