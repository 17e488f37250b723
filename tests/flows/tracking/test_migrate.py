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
import requests
import sqlalchemy
from mlflow.entities import DatasetInput, ViewType
from mlflow.tracking import MlflowClient
from rich.console import Console

from flows.cells.records import read_records
from flows.session import open_session
from flows.tracking.embedded import unused
from flows.tracking.logbook import CellLog
from flows.tracking.migrate import migrate
from flows.tracking.run_copy import RunCopier
from flows.tracking.run_notes import is_logged, run_ids
from flows.tracking.store import TRACKING, embedded_store, tracking_store
from flows.tracking.tracker import Tracker
from hcfres.config.loading import ConfigError
from hcfres.data.errors import DataError
from hcfres.reporting.frame import results_frame
from hcfres.store.errors import StoreError
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


def test_the_old_database_and_its_artefacts_are_removed_when_asked_and_no_copys(
    workspace, address, console
):
    fill(workspace)
    before = everything(Tracker(workspace).client)
    assert sum(bool(run["artefacts"]) for run in before["hcfres"][1]) > 0
    migrate(address, True, console)
    new = MlflowClient(address)
    assert everything(new) == before
    assert not (workspace.root / "mlflow.db").exists()
    runs = new.search_runs([e.experiment_id for e in new.search_experiments()])
    left = {path.name for path in workspace.root.glob("mlartifacts/*")}
    assert left <= {run.info.run_id for run in runs}
    with pytest.raises(DataError, match="no runs are tracked in this workspace"):
        migrate(address, False, console)


def test_a_database_that_a_launcher_uses_is_not_removed(workspace, address, console, monkeypatch):
    fill(workspace)
    with open_session(workspace, console):
        with pytest.raises(StoreError, match="a launcher logs its runs there, or `hcfres ui`"):
            migrate(address, True, console)
        assert everything(MlflowClient(address)) == {}
        migrate(address, False, console)
    monkeypatch.setenv(TRACKING, address)
    with open_session(workspace, console):  # of a launcher that logs its runs elsewhere
        migrate(address, True, console)
    assert not (workspace.root / "mlflow.db").exists()


def test_nothing_is_begun_on_a_database_that_is_being_removed(workspace, console):
    with (
        unused(workspace),
        pytest.raises(StoreError, match="is being moved and removed by `hcfres migrate --remove`"),
        open_session(workspace, console),
    ):
        pass


def test_a_run_that_its_launcher_ends_after_it_was_copied_is_not_called_whole(
    workspace, address, console, monkeypatch
):
    plan = fill(workspace)
    cell, tracker = plan.cells[2], Tracker(workspace)
    finish(cell, {"val/all/miou": 0.9})
    log = CellLog(cell, tracker, tracker.run(plan.folder, "Table III", "grid"))
    copy = RunCopier.copy

    def and_then_it_ends(copier):
        copies = copy(copier)
        for name in ("cell.json", "metrics.jsonl", "predictions.parquet"):
            (cell.folder / name).touch()
        log.finish()
        return copies

    monkeypatch.setattr(RunCopier, "copy", and_then_it_ends)
    migrate(address, False, console)
    monkeypatch.setenv(TRACKING, address)
    assert not is_logged(cell.folder, tracking_store(workspace))
    CellLog(cell, Tracker(workspace), None).finish()
    key = f"tags.`hcfres.cell_key` = '{cell.key}'"
    (run,) = Tracker(workspace).client.search_runs([Tracker(workspace).experiment_id], key)
    assert (run.info.status, run.data.metrics["val/all/miou"]) == ("FINISHED", 0.9)


def test_cells_that_the_store_was_given_before_have_one_run_there(
    workspace, address, console, monkeypatch
):
    plan = fill(workspace)
    cell = plan.cells[0]
    with monkeypatch.context() as patch:
        patch.setenv(TRACKING, address)
        shared = Tracker(workspace)
        again = shared.run(plan.folder, "Table III", "grid")
        logged_cell(cell, shared, again, {"val/all/miou": 0.7})
    of_folders = {folder: run_ids(folder) for folder in (plan.folder, cell.folder)}
    for _ in range(2):
        migrate(address, False, console)
        assert {folder: run_ids(folder) for folder in of_folders} == of_folders
        assert is_logged(cell.folder, shared.store)
        key = f"tags.`hcfres.cell_key` = '{cell.key}'"
        runs = shared.client.search_runs([shared.experiment_id], key)
        kinds = {run.info.run_id: run.data.tags["hcfres.kind"] for run in runs}
        assert kinds.pop(of_folders[cell.folder][0]) == "cell"
        assert set(kinds.values()) == {"superseded"}
        assert len(kinds) == 2
    assert "2 are superseded by what is logged there" in re.sub(r"\s+", " ", console.export_text())


@pytest.fixture
def database(stores):
    """The address of an empty PostgreSQL."""
    return stores.fresh("postgresql")


def test_an_experiment_that_the_store_keeps_elsewhere_gets_no_files(
    workspace, database, console, tmp_path
):
    fill(workspace)
    victim = tmp_path / "victim"
    MlflowClient(database).create_experiment("somebody's notebook", victim.as_uri())
    said = r"experiment \"somebody's notebook\" belong into \S*/victim, where nothing is written"
    with pytest.raises(StoreError, match=said):
        migrate(database, False, console)
    assert not victim.exists()


def test_a_copy_that_the_store_keeps_elsewhere_gets_no_files(
    workspace, database, console, tmp_path
):
    fill(workspace)
    migrate(database, False, console)
    victim = tmp_path / "victim"
    with sqlalchemy.create_engine(database).begin() as connection:
        moved = f"UPDATE runs SET artifact_uri = '{victim.as_uri()}'"
        connection.execute(sqlalchemy.text(moved))
        connection.execute(sqlalchemy.text("DELETE FROM tags WHERE key = 'hcfres.moved_whole'"))
    with pytest.raises(StoreError, match=r"of run \w+ belong into \S*/victim, where nothing is wr"):
        migrate(database, False, console)
    assert not victim.exists()


@pytest.fixture
def lost_answers(monkeypatch):
    """Let every first answer to a thing that was made be lost."""

    def lossy(name):
        made, lost = getattr(MlflowClient, name), set()

        def ask(client, *given, **named):
            answer = made(client, *given, **named)
            if (asked := repr((given, named))) not in lost:
                lost.add(asked)
                raise requests.ConnectionError("connection reset by peer")
            return answer

        monkeypatch.setattr(MlflowClient, name, ask)
        return lost

    return lambda: [lossy(name) for name in ("create_run", "create_experiment")]


def test_what_was_made_and_not_answered_is_not_made_twice(
    workspace, address, console, lost_answers
):
    fill(workspace)
    before = everything(Tracker(workspace).client)
    runs, experiments = lost_answers()
    migrate(address, False, console)
    assert (len(runs), len(experiments)) == (6, 2)
    assert everything(MlflowClient(address)) == before


def test_a_move_to_nowhere_is_refused(workspace, console):
    with pytest.raises(ConfigError, match="name the store that the runs go to: --to, or HCF"):
        migrate(None, False, console)
    with pytest.raises(ConfigError, match="--to is postgresql://db/x: the driver is missing"):
        migrate("postgresql://u:p@db/x", False, console)
