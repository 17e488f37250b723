"""An embedded workspace moved to real servers: nothing is lost, and nothing comes twice."""

import json
import math
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import mlflow.data
import pandas as pd
import pytest
from mlflow.entities import DatasetInput, ViewType
from mlflow.tracking import MlflowClient
from rich.console import Console

from flows.cells.records import read_records
from flows.tracking.logbook import CellLog
from flows.tracking.migrate import migrate
from flows.tracking.run_copy import RunCopier
from flows.tracking.run_notes import is_logged, run_ids
from flows.tracking.store import TRACKING, embedded_store, tracking_store
from flows.tracking.tracker import Tracker
from hcfres.config.loading import ConfigError
from hcfres.data.errors import DataError
from hcfres.reporting.frame import results_frame
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import finish, small_plan
from tests.flows.tracking.test_logbook import EPOCH

OURS = {"hcfres.moved_from", "hcfres.moved_whole"}


@pytest.fixture
def workspace(tmp_path, monkeypatch, empty_database):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))
    monkeypatch.delenv(TRACKING, raising=False)
    made = Workspace()
    made.root.mkdir()
    shutil.copy(empty_database, made.root)
    return made


@pytest.fixture
def console():
    return Console(record=True, width=200)


@pytest.fixture(params=["postgresql", pytest.param("server", marks=pytest.mark.slow)])
def address(request, stores, workspace):
    """The address of an empty store of each shared kind."""
    return stores.fresh(request.param)


def logged_cell(cell, tracker, grid, metrics):
    folder = finish(cell, metrics)
    epochs = [asdict(replace(EPOCH, epoch=n, losses={"total": 3.0 - n})) for n in range(3)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in epochs))
    (folder / "checkpoint").mkdir(exist_ok=True)
    (folder / "cell.json").write_text("{}")
    (folder / "predictions.parquet").write_bytes(bytes(range(256)) * 40)
    (folder / "checkpoint" / "state").write_bytes(b"weights")
    log = CellLog(cell, tracker, grid)
    log.finish()
    return log


def fill(workspace):
    """A grid of two finished cells, one of them trained twice, and what people add."""
    tracker, plan = Tracker(workspace), small_plan(workspace)
    grid = tracker.run(plan.folder, "Table III", "grid")
    grid.describe("what we found")
    for number, cell in enumerate(plan.cells[:2]):
        logged_cell(cell, tracker, grid, {"val/all/miou": 0.1 + 0.2 * number})
    CellLog(plan.cells[0], tracker, grid, "other code")
    logged_cell(plan.cells[0], tracker, grid, {"val/all/miou": 0.7})
    grid.end()
    stage = tracker.run(workspace.root / "stages" / "superpoints-1", "stage", "stage", grid)
    stage.metrics({"stage/seconds": 1.5}, 0, 1000)
    client = tracker.client
    client.log_metric(stage.run_id, "odd", math.nan)
    client.log_metric(stage.run_id, "odd", math.inf, step=1)
    data = mlflow.data.from_pandas(pd.DataFrame({"a": [1]}), name="frame")
    client.log_inputs(stage.run_id, [DatasetInput(data._to_mlflow_entity())])
    client.set_experiment_tag(tracker.experiment_id, "mlflow.note.content", "our paper")
    place = (workspace.root / "notebook").as_uri()
    own = client.create_experiment("somebody's notebook", artifact_location=place)
    client.log_text(client.create_run(own, run_name="by hand").info.run_id, "x", "a/b/c.txt")
    deleted = client.create_run(tracker.experiment_id, run_name="thrown away")
    client.delete_run(deleted.info.run_id)
    return plan


def told(client, run):
    """All that a store tells of a run, read without the code under test."""
    run_id = run.info.run_id

    files = Path(client.download_artifacts(run_id, "")) if client.list_artifacts(run_id) else None

    points = {
        name: sorted(
            (m.step, m.timestamp, repr(m.value)) for m in client.get_metric_history(run_id, name)
        )
        for name in run.data.metrics
    }
    tags = {k: v for k, v in run.data.tags.items() if k not in OURS | {"mlflow.parentRunId"}}
    parent = run.data.tags.get("mlflow.parentRunId")
    info = run.info
    return {
        "info": (info.run_name, info.status, info.start_time, info.end_time),
        "params": run.data.params,
        "tags": tags,
        "parent": parent and client.get_run(parent).info.run_name,
        "points": points,
        "artefacts": files
        and {str(p.relative_to(files)): p.read_bytes() for p in files.rglob("*") if p.is_file()},
        "inputs": [one.dataset.digest for one in run.inputs.dataset_inputs],
    }


def everything(client):
    """By experiment, the runs in order of their beginning."""
    found = {}
    for experiment in client.search_experiments(order_by=["name ASC"]):
        runs = client.search_runs([experiment.experiment_id], "", ViewType.ACTIVE_ONLY)
        if runs:
            tags = {k: v for k, v in experiment.tags.items() if not k.startswith("mlflow.exp")}
            every = [told(client, run) for run in runs]
            found[experiment.name] = (tags, sorted(every, key=repr))
    return found


def test_all_that_the_embedded_database_holds_is_in_the_store(
    workspace, address, console, monkeypatch
):
    plan = fill(workspace)
    old = Tracker(workspace).client
    before = everything(old)
    assert len(before["hcfres"][1]) == 5
    assert len(before["somebody's notebook"][1]) == 1
    migrate(address, False, console)
    new = MlflowClient(address)
    assert everything(new) == before
    assert everything(old) == before
    said = re.sub(r"\s+", " ", console.export_text())
    assert "6 runs (2 cell, 1 grid, 1 other, 1 stage, 1 superseded) with" in said
    assert "read back and equal mlflow.db and mlartifacts are kept as they were" in said
    monkeypatch.setenv(TRACKING, address)
    store = tracking_store(workspace)
    assert all(is_logged(cell.folder, store) for cell in plan.cells[:2])
    theirs = results_frame(Tracker(workspace).records())
    pd.testing.assert_frame_equal(theirs, results_frame(read_records(workspace)))


def test_asked_twice_nothing_comes_twice_and_what_is_new_comes_along(workspace, address, console):
    plan = fill(workspace)
    migrate(address, False, console)
    new = MlflowClient(address)
    once = everything(new)
    migrate(address, False, console)
    assert everything(new) == once
    tracker = Tracker(workspace)
    grid = tracker.run(plan.folder, "Table III", "grid")
    logged_cell(plan.cells[2], tracker, grid, {"val/all/miou": 0.9})
    grid.end()
    migrate(address, False, console)
    assert len(everything(new)["hcfres"][1]) == 6
    assert everything(new) == everything(tracker.client)


def test_a_copy_that_was_cut_short_is_seen_through(workspace, address, console):
    fill(workspace)
    embedded = Tracker(workspace, embedded_store(workspace))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TRACKING, address)
        begun = RunCopier(embedded, Tracker(workspace), workspace.root)
    run = embedded.client.search_runs([embedded.experiment_id], max_results=1)[0]
    begun._begun(run, begun._target.experiment_id, {})
    migrate(address, False, console)
    assert everything(MlflowClient(address)) == everything(embedded.client)


def test_work_goes_on_in_the_runs_that_were_moved(workspace, address, console, monkeypatch):
    plan = fill(workspace)
    before = run_ids(plan.folder)
    migrate(address, False, console)
    monkeypatch.setenv(TRACKING, address)
    tracker = Tracker(workspace)
    grid = tracker.run(plan.folder, "Table III", "grid")
    assert run_ids(plan.folder) == (grid.run_id, *before)
    logged_cell(plan.cells[2], tracker, grid, {"val/all/miou": 0.9})
    count = len(everything(tracker.client)["hcfres"][1])
    assert count == 6
    migrate(address, False, console)
    assert len(everything(tracker.client)["hcfres"][1]) == count
    monkeypatch.delenv(TRACKING)
    assert Tracker(workspace).run(plan.folder, "Table III", "grid").run_id == before[0]


def test_the_old_database_is_removed_only_when_asked(workspace, address, console):
    fill(workspace)
    migrate(address, True, console)
    assert not (workspace.root / "mlflow.db").exists()
    assert not (workspace.root / "mlartifacts").exists()
    with pytest.raises(DataError, match="no runs are tracked in this workspace"):
        migrate(address, False, console)


def test_a_move_to_nowhere_is_refused(workspace, console):
    with pytest.raises(ConfigError, match="name the store that the runs go to: --to, or HCF"):
        migrate(None, False, console)
    with pytest.raises(ConfigError, match="--to is postgresql://db/x: the driver is missing"):
        migrate("postgresql://u:p@db/x", False, console)
