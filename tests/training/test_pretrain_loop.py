"""Pre-training stops and resumes, and tells how far it is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hcfres.training.checkpoint import CheckpointError
from hcfres.training.pretrain.loop import Progress, Schedule, train


class _Line:
    """Fits y = 2 x."""

    what = "line"

    def __init__(self, stop: int | None = None) -> None:
        torch.manual_seed(0)
        self.network: nn.Module = nn.Linear(1, 1)
        self.stop, self.steps = stop, 0

    def loss(self, rng: np.random.Generator, done: float) -> tuple[Tensor, dict[str, float]]:
        if self.steps == self.stop:
            raise KeyboardInterrupt
        self.steps += 1
        x = torch.from_numpy(rng.standard_normal((8, 1))).float()
        return (self.network(x) - 2 * x).square().mean(), {"done": done}


SCHEDULE = Schedule(steps=40, seed=3, learning_rate=0.1, report_every=10, keep_every=10)


def _silent(progress: Progress) -> None:
    """Say nothing."""


def test_a_resumed_training_gives_the_weights_of_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = _Line()
    train(whole, SCHEDULE, tmp_path / "whole", _silent)
    with pytest.raises(KeyboardInterrupt):
        train(_Line(stop=25), SCHEDULE, tmp_path / "halves", _silent)
    resumed = _Line()
    train(resumed, SCHEDULE, tmp_path / "halves", _silent)
    assert resumed.steps == 20
    assert torch.equal(whole.network.weight, resumed.network.weight)


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    train(_Line(), SCHEDULE, tmp_path, _silent)
    again = _Line()
    train(again, SCHEDULE, tmp_path, _silent)
    assert again.steps == 0


def test_it_learns_and_reports_means_and_the_time_left(tmp_path: Path) -> None:
    lines: list[Progress] = []
    lesson = _Line()
    train(lesson, SCHEDULE, tmp_path, lines.append)
    assert [line.step for line in lines] == [10, 20, 30, 40]
    assert lines[0].figures["done"] == pytest.approx(sum(range(10)) / 10 / 40)
    assert lines[-1].seconds_left == 0
    assert lines[-1].figures["loss"] < lines[0].figures["loss"] / 10
    assert not lesson.network.training


def test_another_seeds_checkpoint_is_refused(tmp_path: Path) -> None:
    train(_Line(), SCHEDULE, tmp_path, _silent)
    other = Schedule(steps=40, seed=4, learning_rate=0.1)
    with pytest.raises(CheckpointError, match="seed 3"):
        train(_Line(), other, tmp_path, _silent)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    train(_Line(), SCHEDULE, tmp_path, _silent)
    (path,) = (tmp_path / "checkpoint").glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CheckpointError, match="damaged"):
        train(_Line(), SCHEDULE, tmp_path, _silent)


def test_the_rate_rises_then_falls_to_zero() -> None:
    schedule = Schedule(steps=1000, seed=0, learning_rate=1.0, warm_up=100)
    rates = [schedule.rate(step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == rates[99]
    assert rates[-1] < 1e-4
