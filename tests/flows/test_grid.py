"""A grid's own runs: logged once by however many launchers, and ended however the grid ends."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from rich.console import Console

from flows.cells.claim import claimed
from flows.grid import close_grid, end_stages, log_finished
from flows.groundwork import Gap, leave_out
from flows.live.progress import ProgressBoard
from flows.planning.plan import refreshed
from flows.reproduce import not_logged
from flows.session import Session
from flows.stage_failures import SceneFailure
from flows.tracking.logbook import CellLog
from flows.tracking.outages import StorePatience
from flows.tracking.run_notes import is_logged, mark_logged, open_stages
from flows.tracking.store import store_at
from flows.tracking.tracker import Tracker
from flows.workers.pool import JobError, WorkerPool
from hcfres.store.errors import StoreError
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import CODE, finish, small_plan

ARTEFACTS = {"HCFRES_ARTEFACTS": "/tmp/hcfres-artefacts"}


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def cell(workspace):
    return small_plan(workspace).cells[0]


@pytest.fixture
def session(workspace, empty_database):
    shutil.copy(empty_database, workspace.root)
    with WorkerPool(("cpu",)) as pool:
        tracker = Tracker(workspace)
        grid = tracker.run(workspace.grids / "grid", "grid", "grid")
        yield Session(workspace, pool, tracker, ProgressBoard(Console()), grid=grid)


def runs(session, kind):
    asked = f"tags.`hcfres.kind` = '{kind}'"
    return session.tracker.client.search_runs([session.tracker.experiment_id], asked)


def evaluated(cell):
    folder = finish(cell, {"val/all/miou": 0.5})
    for name in ("cell.json", "metrics.jsonl", "predictions.parquet"):
        (folder / name).touch()


def test_a_finished_cell_that_another_launcher_is_logging_is_not_logged_twice(session, cell):
    evaluated(cell)
    with ThreadPoolExecutor() as threads:
        with claimed(cell):
            other = threads.submit(log_finished, cell, session)
            CellLog(cell, session.tracker, session.grid).finish()
            assert not other.done()
        other.result()
    (run,) = runs(session, "cell")
    history = session.tracker.client.get_metric_history(run.info.run_id, "val/all/miou")
    assert len(history) == 1


def test_a_finished_cell_that_nobody_logged_is_logged_and_an_unfinished_one_is_not(session, cell):
    log_finished(cell, session)
    assert not cell.folder.exists()
    evaluated(cell)
    log_finished(cell, session)
    assert is_logged(cell.folder, session.tracker.store)
    assert [run.info.status for run in runs(session, "cell")] == ["FINISHED"]


def test_a_grid_that_fails_ends_its_run_as_failed_and_tells_why(session):
    with (
        pytest.raises(StoreError, match=r"^the dataset is not whole$"),
        session.grid.ends_if_failing(),
    ):
        raise StoreError("the dataset is not whole")
    (run,) = runs(session, "grid")
    assert run.info.status == "FAILED"


def test_where_the_store_is_gone_too_the_first_error_is_told_without_another_wait(
    workspace, own_postgres
):
    lines = []
    store = store_at(own_postgres.create("grid"), workspace, ARTEFACTS)
    tracker = Tracker(workspace, store, StorePatience(store, 0.5, lines.append))
    grid = tracker.run(workspace.grids / "grid", "grid", "grid")
    own_postgres.stop()
    with pytest.raises(StoreError) as caught, grid.ends_if_failing():
        grid.tags({"a": "b"})
    assert len(lines) == 1
    assert str(caught.value).startswith("the tracking store postgresql+psycopg2://127.0.0.1:")


@pytest.fixture
def gap(cell):
    error = JobError("ValueError: no masks", "Traceback of the masks")
    return Gap(cell.cell.method, SceneFailure("masks", "scene0700_00", error))


def begun(cell, session):
    """Begin a cell as a launcher that is then killed."""
    CellLog(cell, session.tracker, session.grid, CODE)
    (cell.folder / "worker.log").write_text("begins on cpu")


def test_a_cell_that_is_left_out_ends_the_run_that_a_killed_launcher_left_open(session, cell, gap):
    begun(cell, session)
    leave_out(cell, gap, session)
    (run,) = runs(session, "cell")
    assert run.info.status == "FAILED"
    client = session.tracker.client
    kept = {artefact.path for artefact in client.list_artifacts(run.info.run_id)}
    assert kept == {"error.log", "worker.log"}
    told = (cell.folder / "error.log").read_text()
    assert told == "masks of scene0700_00 failed: ValueError: no masks\n\nTraceback of the masks"


def test_a_cell_that_is_left_out_and_was_never_begun_gets_no_run(session, cell, gap):
    leave_out(cell, gap, session)
    assert runs(session, "cell") == []


def test_a_cell_that_another_launcher_has_in_hand_keeps_its_run_open(session, cell, gap):
    begun(cell, session)
    with claimed(cell):
        leave_out(cell, gap, session)
    assert [run.info.status for run in runs(session, "cell")] == ["RUNNING"]


def test_a_run_that_ended_before_stays_as_it_ended(session, cell, gap):
    begun(cell, session)
    CellLog(cell, session.tracker, session.grid).interrupt()
    leave_out(cell, gap, session)
    assert [run.info.status for run in runs(session, "cell")] == ["KILLED"]


def test_the_mean_that_was_told_last_is_shown_also_where_the_clock_was_ahead(
    session, workspace, monkeypatch
):
    plan = small_plan(workspace)
    first = plan.cells[0]
    name = f"mean/{first.row.name.replace('+', '_')}/miou"
    for miou, ahead_s in ((0.25, 30 * 86_400), (0.5, 0)):
        finish(first, {"val/all/miou": miou})
        monkeypatch.setattr("flows.grid.time", Clock(time.time() + ahead_s))
        plan.folder.mkdir(parents=True, exist_ok=True)
        (plan.folder / "plan.json").touch()
        grid = session.tracker.run(workspace.grids / "grid", "grid", "grid")
        close_grid(refreshed(plan, CODE), grid, workspace)
    assert session.tracker.client.get_run(session.grid.run_id).data.metrics[name] == 0.5


class Clock:
    """A module `time` that stands still."""

    def __init__(self, now):
        self._now = now

    def time(self):
        return self._now


def test_a_stages_run_that_a_killed_launcher_left_open_is_known_until_it_is_ended(
    session, workspace
):
    folder = workspace.root / "stages" / "masks-0"
    run = session.tracker.run(folder, "stage masks", "stage")
    assert open_stages(workspace) == [folder]
    plan = small_plan(workspace)
    for place in (plan.folder, *(cell.folder for cell in plan.cells)):
        mark_logged(place, session.tracker.store)
    assert not_logged(plan)
    end_stages(session)
    assert session.tracker.client.get_run(run.run_id).info.status == "FINISHED"
    assert not open_stages(workspace) and not not_logged(plan)
