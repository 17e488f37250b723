"""Training from the first epoch to the last, killed or not."""

import dataclasses
import json

import pytest
import torch

from hcfres.data.errors import DataError
from hcfres.training.journal import read_journal
from hcfres.training.loop import Checks, fit
from hcfres.training.nonfinite import NonFiniteLossError
from tests.training.tiny import CONFIG, TinyCriterion, TinySource, make_run


class Killed(Exception):
    """Stands for the end of the process."""


def kill_after(epoch):
    def report(told):
        if told.epoch == epoch:
            raise Killed

    return report


def weights(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_killed_training_resumes_bit_for_bit(tmp_path, epoch):
    whole = weights(fit(make_run(tmp_path / "whole"), report=lambda _: None))
    with pytest.raises(Killed):
        fit(make_run(tmp_path / "killed"), report=kill_after(epoch))
    # Another process begins with other weights and another state of the global generator.
    torch.manual_seed(99)
    other = make_run(tmp_path / "killed", network=make_run(tmp_path, seed=7).network)
    resumed = weights(fit(other, report=lambda _: None))
    assert same(whole, resumed)
    losses = [
        [told.losses for told in read_journal(tmp_path / name / "metrics.jsonl")]
        for name in ("whole", "killed")
    ]
    assert losses[0] == losses[1]


def test_a_kill_within_an_epoch_repeats_only_that_epoch(tmp_path):
    whole = weights(fit(make_run(tmp_path / "whole"), report=lambda _: None))
    calls = []

    class Dying(TinyCriterion):
        def sums(self, output, batch):
            calls.append(1)
            if len(calls) == 8:
                raise Killed
            return super().sums(output, batch)

    with pytest.raises(Killed):
        fit(make_run(tmp_path / "killed", criterion=Dying()), report=lambda _: None)
    told = []
    resumed = weights(fit(make_run(tmp_path / "killed"), report=told.append))
    assert same(whole, resumed)
    assert told[0].epoch == 2


def test_another_seed_is_another_training(tmp_path):
    one, other = (fit(make_run(tmp_path / str(s), seed=s), lambda _: None) for s in (0, 1))
    assert not same(weights(one), weights(other))


def test_the_global_generator_is_left_alone(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    fit(make_run(tmp_path), report=lambda _: None)
    assert torch.equal(torch.rand(1), expected)


def test_each_epoch_is_told_and_written(tmp_path):
    told = []
    fit(make_run(tmp_path), told.append, Checks(held_out=lambda _: 0.5, every=3))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1, 2, 3]
    assert lines == [dataclasses.asdict(report) for report in told]
    assert [report.held_out_miou for report in told] == [None, None, 0.5, 0.5]
    assert told[0].learning_rate == 1e-2
    assert told[2].learning_rate == pytest.approx(1e-2 / 16)
    assert told[-1].losses["total"] < told[0].losses["total"]
    assert told[-1].seconds_left == 0
    assert told[0].memory_mb > 0


def test_a_line_that_a_kill_cut_off_is_dropped(tmp_path):
    with pytest.raises(Killed):
        fit(make_run(tmp_path), report=kill_after(1))
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text() + '{"epoch": 2, "ep')
    fit(make_run(tmp_path), report=lambda _: None)
    assert [report.epoch for report in read_journal(path)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "damage", [b"", b"\xff\n", b"[]\n", b'{"epoch": 0}\n'], ids=["cut", "bytes", "list", "keys"]
)
def test_a_damaged_journal_is_written_again_from_the_checkpoint(tmp_path, damage):
    with pytest.raises(Killed):
        fit(make_run(tmp_path), report=kill_after(1))
    path = tmp_path / "metrics.jsonl"
    before = path.read_bytes()
    path.write_bytes(damage + before[len(before) // 2 :])
    if damage:
        with pytest.raises(DataError, match=r"metrics.jsonl, line 1: not the report.*Remove"):
            read_journal(path)
    fit(make_run(tmp_path), report=lambda _: None)
    assert path.read_bytes().startswith(before)
    assert [report.epoch for report in read_journal(path)] == [0, 1, 2, 3]


def test_a_number_of_the_journal_that_became_another_is_the_old_one_again(tmp_path):
    fit(make_run(tmp_path), report=lambda _: None)
    path = tmp_path / "metrics.jsonl"
    before = path.read_text()
    path.write_text(before.replace('"learning_rate": 0.01', '"learning_rate": 0.21'))
    assert path.read_text() != before
    fit(make_run(tmp_path), report=lambda _: None)
    assert path.read_text() == before


def test_a_loss_that_is_not_finite_names_its_expressions(tmp_path):
    class Broken(TinyCriterion):
        def sums(self, output, batch):
            broken = any(e.scene_id == "b_00" for e in batch.expressions)
            return super().sums(output * float("nan") if broken else output, batch)

    with pytest.raises(NonFiniteLossError) as caught:
        fit(make_run(tmp_path, criterion=Broken()), report=lambda _: None)
    said = str(caught.value)
    assert said.startswith("epoch 0, step ")
    assert "total nan" in said
    assert "b_00|1|" in said


def test_a_training_without_expressions_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no expression to learn from"):
        fit(make_run(tmp_path, source=TinySource()), report=lambda _: None)


def test_asking_again_for_a_finished_training_computes_nothing(tmp_path):
    fit(make_run(tmp_path), report=lambda _: None)
    told = []
    fit(make_run(tmp_path), told.append)
    assert told == []
    assert len(read_journal(tmp_path / "metrics.jsonl")) == CONFIG.epochs
