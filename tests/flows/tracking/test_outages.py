"""A store that goes away: for a while it is waited for, for good it is one error, nothing is lost.

The database is a real one that is stopped and started again.
"""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial

import psutil
import pytest
import requests
from mlflow.tracking import MlflowClient

from flows.tracking import stillness
from flows.tracking.alone import alone_at
from flows.tracking.logbook import CellLog
from flows.tracking.outages import StorePatience, patient
from flows.tracking.run_content import MOVED_FROM
from flows.tracking.run_notes import TOKEN, is_logged
from flows.tracking.store import embedded_store, store_at
from flows.tracking.tracker import Tracker
from hcfres.store.errors import StoreError
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import CODE, finish, small_plan
from tests.flows.servers import serving
from tests.flows.tracking.test_logbook import EPOCH

AWAY_S = 1.5


@pytest.fixture(scope="module")
def database(own_postgres):
    """A server with MLflow's tables."""
    own_postgres.create("direct")
    return own_postgres


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def open_tracker(address, workspace, seconds, lines):
    store = store_at(address, workspace, {"HCFRES_ARTEFACTS": "/tmp/hcfres-artefacts"})
    return Tracker(workspace, store, StorePatience(store, seconds, lines.append))


@pytest.fixture
def lines():
    return []


def meanwhile(thing, *work):
    """Stop a server, begin each work in a thread, and start the server after a while."""
    thing.stop()
    with ThreadPoolExecutor() as threads:
        begun = [threads.submit(one) for one in work]
        time.sleep(AWAY_S)
        assert not any(one.done() for one in begun)
        thing.start()
        for one in begun:
            one.result()


def trained(cell, epochs):
    """A cell's folder after some epochs."""
    cell.folder.mkdir(parents=True, exist_ok=True)
    told = [asdict(replace(EPOCH, epoch=n, losses={"total": 3.0 - n})) for n in range(epochs)]
    (cell.folder / "metrics.jsonl").write_text("".join(json.dumps(it) + "\n" for it in told))


def evaluated(cell):
    folder = finish(cell, {"val/all/miou": 0.5})
    (folder / "checkpoint").mkdir(exist_ok=True)
    for name in ("cell.json", "predictions.parquet", "checkpoint/state"):
        (folder / name).touch()


def losses(log):
    history = log._run.client.get_metric_history(log._run.run_id, "train/total")
    return [(metric.step, metric.value) for metric in history]


def test_a_database_that_comes_back_is_waited_for_and_said(database, workspace, lines):
    tracker = open_tracker(database.url("direct"), workspace, 60.0, lines)
    cell = small_plan(workspace).cells[0]
    log = CellLog(cell, tracker, None, CODE)
    trained(cell, 1)
    log.epochs()
    trained(cell, 3)
    meanwhile(database, log.epochs)
    assert losses(log) == [(0, 3.0), (1, 2.0), (2, 1.0)]
    away, back = lines
    shown = f"the tracking store postgresql+psycopg2://127.0.0.1:{database.port}/direct"
    assert away.startswith(f"{shown} does not answer (")
    assert away.endswith("); waiting up to 60 s")
    assert back == f"{shown} answers again"


def test_several_threads_wait_for_one_database_and_one_says_so(database, workspace, lines):
    tracker = open_tracker(database.url("direct"), workspace, 60.0, lines)
    runs = [tracker.run(workspace.cells / str(n), "cell", "cell") for n in range(4)]
    meanwhile(database, *(partial(run.metrics, {"a": 1.0}, 0, 1) for run in runs))
    assert [run.steps("a") for run in runs] == [{0}] * 4
    assert [line.split(" ", 4)[4].split(" (")[0] for line in lines] == [
        "does not answer",
        "answers again",
    ]


def test_a_database_that_stays_away_is_one_error_and_the_next_run_logs_the_rest(
    database, workspace, lines
):
    tracker = open_tracker(database.url("direct"), workspace, 0.5, lines)
    cell = small_plan(workspace).cells[0]
    log = CellLog(cell, tracker, None, CODE)
    trained(cell, 2)
    evaluated(cell)
    database.stop()
    with pytest.raises(StoreError) as caught:
        log.finish()
    assert f"127.0.0.1:{database.port}/direct did not answer for 0 s (" in str(caught.value)
    assert "Nothing is lost: what was computed lies in the workspace. Run the same" in str(
        caught.value
    )
    assert "cret" not in "".join([str(caught.value), *lines])
    assert not is_logged(cell.folder, tracker.store)
    with pytest.raises(StoreError, match=r"nobody answers at .* \(.*refused"):
        open_tracker(database.url("direct"), workspace, 0.5, lines)
    database.start()
    after = open_tracker(database.url("direct"), workspace, 0.5, lines)
    CellLog(cell, after, None).finish()
    assert losses(log) == [(0, 3.0), (1, 2.0)]
    assert is_logged(cell.folder, after.store)
    (record,) = (r for r in after.records() if r.key == cell.key)
    assert record.metrics == {"val/all/miou": 0.5}


def fails_after(work):
    """Seconds until the store is given up."""
    began = time.monotonic()
    with pytest.raises(StoreError, match="did not answer for"):
        work()
    return time.monotonic() - began


def test_an_outage_is_waited_out_once_by_all_threads_and_the_next_one_anew(
    database, workspace, lines
):
    tracker = open_tracker(database.url("direct"), workspace, 2.0, lines)
    runs = [tracker.run(workspace.cells / f"out {n}", "cell", "cell") for n in range(4)]
    log = [partial(run.metrics, {"a": 1.0}, 0, 1) for run in runs]
    database.stop()
    with ThreadPoolExecutor() as threads:
        first = threads.submit(fails_after, log[0])
        time.sleep(1.0)
        later = [threads.submit(fails_after, one) for one in log[1:]]
        assert 2.0 <= first.result() < 3.0
        assert all(one.result() < 2.0 for one in later)
    assert sum(fails_after(one) for one in log) < 1.0
    database.start()
    log[0]()
    database.stop()
    assert fails_after(log[1]) >= 2.0
    database.start()


class LosesItsFirstAnswer:
    """A client whose server makes a run and is killed before it says so."""

    def __init__(self, client):
        self._client, self._is_first = client, True

    def __getattr__(self, name):
        return getattr(self._client, name)

    def create_run(self, *given, **named):
        made = self._client.create_run(*given, **named)
        if self._is_first:
            self._is_first = False
            raise requests.ConnectionError("the server was killed")
        return made


@pytest.fixture
def forgetful(workspace, lines, empty_database):
    """The tracker of a store that loses the answer to the first run that is made."""
    shutil.copy(empty_database, workspace.root)
    tracker = Tracker(workspace, embedded_store(workspace))
    client = LosesItsFirstAnswer(MlflowClient(tracker.store.uri))
    tracker._client = patient(client, StorePatience(tracker.store, 60.0, lines.append))
    return tracker


def test_a_run_whose_making_was_not_answered_is_not_made_again(forgetful, workspace, lines):
    run = forgetful.run(workspace.cells / "once", "cell", "cell")
    assert len(lines) == 2
    run.end()
    (found,) = forgetful.client.search_runs([forgetful.experiment_id])
    assert (found.info.run_id, found.info.status) == (run.run_id, "FINISHED")
    assert forgetful.run(workspace.cells / "other", "cell", "cell").run_id != run.run_id


@pytest.mark.parametrize("tag", [TOKEN, MOVED_FROM])
def test_runs_and_copies_are_each_found_by_the_tag_that_no_other_has(forgetful, tag):
    make = partial(forgetful.client.create_run, forgetful.experiment_id, run_name="run")
    others = {make(tags={name: "0" * 16}).info.run_id for name in (TOKEN, MOVED_FROM)}
    assert len(others) == 2
    client = LosesItsFirstAnswer(MlflowClient(forgetful.store.uri))
    client = patient(client, StorePatience(forgetful.store, 60.0, lambda _: None))
    made = client.create_run(forgetful.experiment_id, tags={tag: "1" * 16, "a": "b"})
    found = {run.info.run_id for run in client.search_runs([forgetful.experiment_id])}
    assert found == {*others, made.info.run_id}


@pytest.mark.slow
def test_a_server_that_is_restarted_is_waited_for_as_is_the_database_behind_it(
    database, workspace, lines, tmp_path
):
    database.create("mlflow")
    with serving("mlflow", database, tmp_path / "server") as server:
        tracker = open_tracker(server.url, workspace, 120.0, lines)
        cell = small_plan(workspace).cells[0]
        log = CellLog(cell, tracker, None, CODE)
        for number, thing in enumerate((server, database), 1):
            trained(cell, number)
            meanwhile(thing, log.epochs)
            evaluated(cell)
            CellLog(cell, tracker, None).finish()
        assert losses(log) == [(0, 3.0), (1, 2.0)]
        assert len(lines) == 4


@pytest.fixture
def standing_still(own_postgres):
    """The server and its processes, stopped where they are: its machine still answers for it."""

    @contextlib.contextmanager
    def still():
        server = psutil.Process(own_postgres._process.pid)
        for process in (everything := [server, *server.children()]):
            process.suspend()
        try:
            yield
        finally:
            for process in everything:
                process.resume()

    return still


def test_a_database_that_stands_still_counts_as_away(
    database, workspace, lines, standing_still, monkeypatch
):
    address = f"{database.url('direct')}?connect_timeout=1"
    tracker = open_tracker(address, workspace, 60.0, lines)
    run = tracker.run(workspace.cells / "still", "cell", "cell")
    monkeypatch.setattr(stillness, "_SILENT_S", 0.5)
    with ThreadPoolExecutor() as threads:
        with standing_still():
            told = threads.submit(run.tags, {"told": "late"})
            time.sleep(3.0)
            assert not told.done()
        told.result()
    assert "does not answer (no answer for" in lines[0]
    assert tracker.client.get_run(run.run_id).data.tags["told"] == "late"


def test_ctrl_c_comes_through_while_a_database_stands_still(database, workspace, standing_still):
    asked = (  # in the background Ctrl-C is ignored, unless one asks for it
        "import signal, sys, sqlalchemy\n"
        "from flows.tracking.store import *; from hcfres.store.workspace import *\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "store = store_at(sys.argv[1], Workspace(), {})\n"
        "assert silence(store) == ''\n"
        "with sqlalchemy.create_engine(store.uri).connect() as connection:\n"
        "    print('ready', flush=True); input()\n"
        "    connection.execute(sqlalchemy.text('select 1'))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", asked, database.url("direct")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    with standing_still():
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(1.0)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
        assert time.monotonic() - began < 5.0
    assert "KeyboardInterrupt" in told


def test_who_holds_the_tables_for_too_long_is_told_of(database, workspace):
    address = database.url("direct")
    with (
        alone_at(address, b"test"),
        pytest.raises(StoreError, match=r"another launcher has been opening 127\.0\.0\.1/direct"),
        alone_at(address, b"test", longest_s=0.5),
    ):
        pass
    with alone_at(address, b"test", longest_s=0.5):
        pass
