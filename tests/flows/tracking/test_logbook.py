"""The MLflow run of a cell that is trained a second time."""

import json
import shutil
import time
from dataclasses import asdict, replace

import pytest

from flows.tracking.logbook import LOGGED, CellLog
from flows.tracking.tracker import Tracker, flatten
from flows.workers.beats import Beat
from hcfres.store.workspace import Workspace
from hcfres.training.journal import EpochReport
from tests.flows.fabricated import CODE, finish, small_plan

MIOU = {"val/all/miou": 0.5}
EPOCH = EpochReport(
    epoch=0,
    epochs=2,
    losses={"total": 2.5},
    gradient_norm=1.0,
    learning_rate=1e-3,
    held_out_miou=None,
    seconds=3.0,
    memory_mb=100.0,
    seconds_left=0.0,
)


@pytest.fixture
def cell(tmp_path):
    return small_plan(Workspace(tmp_path)).cells[0]


@pytest.fixture
def tracker(tmp_path, store, empty_database):
    if store == "embedded":
        shutil.copy(empty_database, tmp_path)
    return Tracker(Workspace(tmp_path))


def train(cell, tracker, code, losses):
    """Log a training as a grid does."""
    log = CellLog(cell, tracker, None, code)
    lines = [asdict(replace(EPOCH, epoch=n, losses={"total": v})) for n, v in enumerate(losses)]
    cell.folder.mkdir(exist_ok=True)
    (cell.folder / "metrics.jsonl").write_text("".join(json.dumps(it) + "\n" for it in lines))
    log.epochs()
    return log


def end(cell, log, code, metrics=MIOU):
    folder = finish(cell, metrics, code=code)
    (folder / "checkpoint").mkdir(exist_ok=True)
    for name in ("cell.json", "predictions.parquet", "checkpoint/state"):
        (folder / name).touch()
    log.finish()


def noted(cell):
    return json.loads((cell.folder / "mlflow.json").read_text())["run_id"]


def run_of(log):
    return log._run.client.get_run(log._run.run_id)


def test_a_cell_trained_by_other_code_gets_a_run_of_its_own_and_keeps_the_old(cell, tracker):
    before = train(cell, tracker, "last week", [3.0, 2.0])
    end(cell, before, "last week")
    assert (cell.folder / LOGGED).exists()
    after = train(cell, tracker, CODE, [2.5, 1.5])
    assert not (cell.folder / LOGGED).exists()
    end(cell, after, CODE)
    assert noted(cell) == after._run.run_id != before._run.run_id
    history = after._run.client.get_metric_history(after._run.run_id, "train/total")
    assert [(m.step, m.value) for m in history] == [(0, 2.5), (1, 1.5)]
    old = run_of(before)
    assert (old.data.tags["hcfres.kind"], old.info.status) == ("superseded", "FINISHED")
    assert old.data.metrics["train/total"] == 2.0
    (record,) = tracker.records()
    assert record.code == CODE


def test_a_training_that_other_code_began_is_superseded_too(cell, tracker):
    before = train(cell, tracker, "last week", [3.0])
    after = train(cell, tracker, CODE, [2.5])
    assert after._run.run_id != before._run.run_id
    assert after._run.last_step("train/total") == 0
    assert run_of(before).info.status == "KILLED"


def test_a_training_that_is_gone_on_with_keeps_its_run(cell, tracker):
    before = train(cell, tracker, CODE, [3.0])
    after = train(cell, tracker, CODE, [3.0, 2.0])
    assert after._run.run_id == before._run.run_id
    history = after._run.client.get_metric_history(after._run.run_id, "train/total")
    assert [m.step for m in history] == [0, 1]


def test_logging_what_other_code_finished_keeps_its_run(cell, tracker):
    before = train(cell, tracker, "last week", [3.0])
    end(cell, before, "last week")
    end(cell, CellLog(cell, tracker, None), "last week")
    assert noted(cell) == before._run.run_id


def journal(cell, epochs):
    lines = (json.dumps(asdict(replace(EPOCH, epoch=number))) + "\n" for number in range(epochs))
    cell.folder.mkdir(parents=True, exist_ok=True)
    (cell.folder / "metrics.jsonl").write_text("".join(lines))


def test_short_epochs_are_logged_together_now_and_then_and_all_at_the_end(cell, tracker):
    log = CellLog(cell, tracker, None, CODE)
    for epochs in (1, 2, 3):
        journal(cell, epochs)
        log.epoch()
    assert log._run.steps("train/total") == frozenset()
    time.sleep(1.1)
    log.epoch()
    assert log._run.steps("train/total") == {0, 1, 2}
    journal(cell, 4)
    log.epoch()
    end(cell, log, CODE)
    history = log._run.client.get_metric_history(log._run.run_id, "train/total")
    assert [m.step for m in history] == [0, 1, 2, 3]


BEAT = Beat(where=(), waits=False, worked_s=1.0, peak_mb=100.0)


def test_parameters_come_with_the_first_sign_of_life(cell, tracker):
    log = CellLog(cell, tracker, None, CODE)
    tags = run_of(log).data.tags
    assert (tags["hcfres.row"], tags["hcfres.code"]) == ("baseline", CODE)
    log.alive(BEAT)
    told = run_of(log).data.params
    assert told == {name: str(value) for name, value in flatten(cell.cell).items()}
    log.alive(BEAT)
    journal(cell, 1)
    end(cell, log, CODE)
    assert run_of(log).data.params == told


@pytest.mark.parametrize("ends", ["leave", "fail", "interrupt", "finish"])
def test_however_soon_a_cell_ends_its_parameters_are_logged(cell, tracker, ends):
    log = CellLog(cell, tracker, None, CODE)
    journal(cell, 1)
    if ends == "finish":
        end(cell, log, CODE)
    elif ends == "leave":
        log.leave("KILLED")
    else:
        getattr(log, ends)()
    assert len(run_of(log).data.params) == len(flatten(cell.cell))


def test_a_run_whose_launcher_was_killed_before_it_told_parameters_gets_them(cell, tracker):
    CellLog(cell, tracker, None, CODE)
    again = CellLog(cell, tracker, None, CODE)
    assert len(run_of(again).data.params) == len(flatten(cell.cell))


def test_a_cell_evaluated_anew_shows_its_new_numbers_though_the_clock_went_back(
    cell, tracker, monkeypatch
):
    def evaluated(miou):
        log = CellLog(cell, tracker, None, CODE)
        end(cell, log, CODE, {"val/all/miou": miou, "time/evaluation_s": 2.0 - miou})
        return run_of(log)

    journal(cell, 1)
    first = evaluated(0.7)
    now = time.time()
    monkeypatch.setattr("flows.tracking.logbook.time.time", lambda: now - 90)
    again = evaluated(0.4)
    assert again.info.run_id == first.info.run_id
    assert again.data.metrics["val/all/miou"] == 0.4
    assert again.data.metrics["time/evaluation_s"] == 1.6
