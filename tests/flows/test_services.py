"""The servers of infra/compose.yaml, started without containers on a real PostgreSQL, and used."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import optuna
import pytest
from mlflow.tracking import MlflowClient

from flows.places import ROOT
from flows.tracking.logbook import CellLog
from flows.tracking.opening import EXPERIMENT
from flows.tracking.run_content import read_content, runs_of
from flows.tracking.store import ARTEFACTS, TRACKING, store_at
from flows.tracking.tracker import Tracker
from hcfres.store.errors import StoreError
from hcfres.store.workspace import Workspace
from tests.flows.compose import INFRA
from tests.flows.postgres import PASSWORD
from tests.flows.servers import serving
from tests.flows.whole_cells import whole_grid

PROXY = "/api/2.0/mlflow-artifacts/artifacts"


def answer(url, data=None, method=None, **headers):
    """Status and body of an answer, also of a refusal."""
    asked = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=30) as found:
            return found.status, found.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def asked_of_prefect(url, what):
    status, body = answer(f"{url}/api/{what}/filter", b"{}", **{"Content-Type": "application/json"})
    assert status == 200
    return json.loads(body)


def allowed(url, origin):
    """The pages that may read Prefect's answers, as a browser is told that comes from `origin`."""
    asked = urllib.request.Request(f"{url}/api/health", headers={"Origin": origin})
    with urllib.request.urlopen(asked, timeout=30) as found:
        return found.headers["Access-Control-Allow-Origin"]


def test_mlflow_is_healthy_and_answers_to_its_own_names_only(mlflow_server):
    page = f"{mlflow_server.url}/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default"
    assert mlflow_server.is_healthy()
    assert answer(page)[0] == 200
    assert answer(page, Host="elsewhere.example")[0] == 403


@pytest.mark.slow
@pytest.mark.usefixtures("mlflow_server")  # it makes the database
def test_mlflow_published_under_another_name_serves_its_pages_there(postgres, tmp_path):
    """A page searches with POST, and a browser says with it where the page is from."""
    here = {"MLFLOW_HOSTS": "lab:5000", "MLFLOW_ORIGINS": "http://lab:5000"}
    with serving("mlflow", postgres, tmp_path / "mlflow", **here) as server:
        search = f"{server.url}/ajax-api/2.0/mlflow/experiments/search"
        asked = {"data": b'{"max_results": 1}', "Content-Type": "application/json"}
        there = {"Host": "lab:5000", "Origin": "http://lab:5000"}
        assert server.is_healthy()
        assert answer(search, **asked)[0] == 200
        assert answer(search, **asked, **there)[0] == 200
        assert answer(search, **asked, Host="lab:5001")[0] == 403
        assert answer(search, **asked, **there | {"Origin": "http://elsewhere"})[0] == 403


def test_optunas_tables_are_upgraded_as_the_recipe_says(postgres):
    address = postgres.create("optuna_upgraded")
    optuna.storages.RDBStorage(address)
    (recipe,) = re.findall("optuna storage upgrade --storage", (INFRA / "README.md").read_text())
    command = [Path(sys.executable).parent / "optuna", *recipe.split()[1:], address]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "This storage is up-to-date." in told.stdout + told.stderr


@pytest.mark.parametrize(
    "path", ["../out", "a/../../out", "%2e%2e/out", "..%2f..%2fout", "/tmp/out"]
)
def test_no_artefact_leaves_its_folder(mlflow_server, path):
    assert answer(f"{mlflow_server.url}{PROXY}/inside", b"kept", "PUT")[0] == 200
    assert answer(f"{mlflow_server.url}{PROXY}/{path}", b"evil", "PUT")[0] == 400
    found = [p for p in mlflow_server.folder.rglob("*") if p.name in ("inside", "out")]
    assert found == [mlflow_server.folder / "artefacts" / "inside"]


@pytest.mark.parametrize(
    "path", ["/../../log", "/%2e%2e/log", "?path=..", "?path=/etc", "//etc/passwd"]
)
def test_nothing_outside_of_the_artefacts_folder_is_told(mlflow_server, path):
    assert answer(f"{mlflow_server.url}{PROXY}{path}")[0] == 400


def test_the_servers_processes_hold_no_password_in_their_command_lines(mlflow_server):
    told = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "mlflow" in told
    assert PASSWORD not in told


def logged_workspace(root, address):
    """A grid of one cell in a workspace, logged in a store."""
    workspace = Workspace(root)
    plan = whole_grid(workspace, 1)
    store = store_at(address, workspace, {ARTEFACTS: str(root / "artefacts")})
    tracker = Tracker(workspace, store)
    CellLog(plan.cells[0], tracker, tracker.run(plan.folder, "grid", "grid")).finish()
    return tracker


def contents(client):
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs = runs_of(client, experiment.experiment_id)
    return {run.info.run_id: read_content(client, run) for run in runs}


def test_a_backup_restores_every_run(postgres, stores, tmp_path):
    address = stores.fresh("postgresql")
    tracker = logged_workspace(tmp_path / "workspace", address)
    told = contents(tracker.client)
    assert len(told) == 2
    name = address.rpartition("/")[2]
    database = ["--host", "127.0.0.1", "--port", str(postgres.port), "--username", "postgres"]
    secret = {**os.environ, "PGPASSWORD": PASSWORD}
    dump = tmp_path / "mlflow.dump"
    dumping = [postgres.client("pg_dump"), *database, "--format=custom", f"--file={dump}", name]
    subprocess.run(dumping, env=secret, check=True)
    copy = postgres.create(f"{name}_restored", "template0")
    target = f"--dbname={name}_restored"
    restoring = [
        postgres.client("pg_restore"),
        *database,
        "--no-owner",
        "--exit-on-error",
        target,
        dump,
    ]
    subprocess.run(restoring, env=secret, check=True)
    assert contents(MlflowClient(copy)) == told


def test_tables_of_another_version_are_named_with_the_way_out(postgres, stores, tmp_path):
    address = stores.fresh("postgresql")
    psql = [postgres.client("psql"), address.replace("+psycopg2", ""), "--quiet", "--command"]
    older = "UPDATE alembic_version SET version_num = '90e64c465722'"
    subprocess.run([*psql, older], check=True)
    workspace = Workspace(tmp_path)
    with pytest.raises(StoreError, match=r"of another version of MLflow.*infra/README\.md"):
        Tracker(workspace, store_at(address, workspace, {}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE runs SET artifact_uri = 'file:///etc/hcfres'", "belong into file:///etc/hcfres"),
        ("UPDATE experiments SET artifact_location = 'file:///etc'", "artefacts in file:///etc"),
    ],
)
def test_a_database_that_sends_artefacts_elsewhere_is_refused(
    postgres, stores, tmp_path, change, said
):
    address = stores.fresh("postgresql")
    workspace = Workspace(tmp_path)
    store = store_at(address, workspace, {})
    Tracker(workspace, store).run(workspace.cells / "a", "cell", "cell")
    psql = [postgres.client("psql"), address.replace("+psycopg2", ""), "--quiet", "--command"]
    subprocess.run([*psql, change], check=True)
    with pytest.raises(StoreError, match=said):
        Tracker(workspace, store).run(workspace.cells / "a", "cell", "cell")


FIRST = """
import sys
from pathlib import Path
from flows.tracking.tracker import Tracker
from flows.tracking.store import store_at
from hcfres.store.workspace import Workspace
root = Path(sys.argv[1])
root.mkdir()
workspace = Workspace(root)
store = store_at(sys.argv[2], workspace, {"HCFRES_ARTEFACTS": "/tmp/hcfres-artefacts"})
Tracker(workspace, store).run(root / "cells" / "a", "cell", "cell")
"""


@pytest.mark.slow
def test_several_machines_may_be_the_first_at_once(postgres, tmp_path):
    address = postgres.create("first")
    command = [sys.executable, "-c", FIRST]
    begun = [
        subprocess.Popen([*command, tmp_path / str(n), address], cwd=ROOT, stderr=subprocess.PIPE)
        for n in range(4)
    ]
    told = [process.communicate()[1].decode() for process in begun]
    assert [process.returncode for process in begun] == [0] * 4, "\n".join(told)
    assert len(contents(MlflowClient(address))) == 4


@pytest.mark.slow
def test_a_grids_stage_runs_on_all_three_servers(postgres, mlflow_server, stores, tmp_path):
    """The flow is Prefect's, its run MLflow's, and both are in PostgreSQL."""
    address = stores.fresh("server")
    postgres.create("prefect")
    with serving("prefect", postgres, tmp_path / "prefect") as prefect:
        environment = {
            **os.environ,
            "HCFRES_HOME": str(tmp_path / "workspace"),
            "HCFRES_WORKERS": "1",
            TRACKING: address,
            "PREFECT_API_URL": f"{prefect.url}/api",
        }
        for stage in ("acquire", "prepare"):
            command = [sys.executable, "-m", "flows.cli", stage, "smoke"]
            told = subprocess.run(
                command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert told.returncode == 0, told.stdout + told.stderr
        assert allowed(prefect.url, "http://localhost:4200") == "http://localhost:4200"
        assert allowed(prefect.url, "http://elsewhere.example") is None
        flows = {one["name"] for one in asked_of_prefect(prefect.url, "flows")}
        states = {one["state_type"] for one in asked_of_prefect(prefect.url, "flow_runs")}
    assert {"acquire", "prepare"} <= flows
    assert states == {"COMPLETED"}
    client = MlflowClient(address)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    kinds = {run.data.tags["hcfres.kind"] for run in runs_of(client, experiment.experiment_id)}
    assert kinds == {"stage"}
    assert not (tmp_path / "workspace" / "mlflow.db").exists()
