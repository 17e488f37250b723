"""The weights of the best epoch, beside the last."""

import json

import pytest
import torch
from safetensors import safe_open

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
    with safe_open(folder / kind / "weights.safetensors", framework="pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        return tensors, {n: json.loads(text) for n, text in opened.metadata().items()}


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


def test_a_resumed_training_remembers_its_best(tmp_path):
    class Killed(Exception):
        pass

    def kill(told):
        if told.epoch == 1:
            raise Killed

    config = keeping("best_held_out")
    with pytest.raises(Killed):
        fit(make_run(tmp_path, config=config), kill, Checks(Scores(0.9, 0.1), every=1))
    fit(make_run(tmp_path, config=config), lambda _: None, Checks(Scores(0.5, 0.6), every=1))
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
