"""A grid in which a stage and a cell fail: what it costs, what is said, what asking again does."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
TROUBLE = {
    "masks scene0700_00": "raise",
    "train mlf": "die once",
    "evaluate baseline": "raise",
}


def run(workspace: Path, trouble: dict[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    return subprocess.run(
        [sys.executable, "-m", "tests.flows.stand_ins"],
        env={
            **kept,
            "HCFRES_HOME": str(workspace),
            "HCFRES_WORKERS": "2",
            "HCFRES_DEVICE": "cpu",
            "STAND_INS": json.dumps(trouble),
        },
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return tmp_path_factory.mktemp("trouble") / "workspace"


@pytest.fixture(scope="module")
def failed(workspace):
    return run(workspace, TROUBLE)


def cells(workspace: Path) -> dict[str, Path]:
    planned = json.loads(next(workspace.glob("grids/*/plan.json")).read_text())["cells"]
    return {cell["row"]: workspace / "cells" / cell["key"] for cell in planned}


def runs(workspace: Path, kind: str) -> dict:
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    found = client.search_runs([client.get_experiment_by_name("hcfres").experiment_id])
    return {
        r.data.tags.get("hcfres.row", r.info.run_name): r
        for r in found
        if r.data.tags["hcfres.kind"] == kind
    }


def asked_of_prefect(workspace: Path, query: str) -> list[tuple]:
    with sqlite3.connect(workspace / "prefect" / "prefect.db") as database:
        return database.execute(query).fetchall()


def test_the_exit_code_says_that_not_everything_is_done_and_the_message_what(failed):
    assert failed.returncode == 2
    assert "3 of 4 cells are not done:" in failed.stdout
    assert "baseline, seed 1999: ValueError: evaluate baseline cannot be had" in failed.stdout
    assert "vsd, seed 1999: masks of scene0700_00: ValueError: masks" in failed.stdout
    assert "\x1b" not in failed.stdout
    assert "Traceback" not in failed.stdout + failed.stderr


def test_other_scenes_are_finished_and_cells_that_need_the_one_are_not_begun(failed, workspace):
    tasks = asked_of_prefect(workspace, "select name, state_name from task_run")
    states = dict(tasks)
    assert states["masks-scene0700_00"] == "Failed"
    assert states["masks-scene0000_00"] == states["instance-scene0000_00"] == "Completed"
    assert states["text-scene0700_00"] == "Completed"
    assert "instances-scene0700_00" not in states
    assert "vsd, seed 1999" not in states
    assert states["mlf, seed 1999"] == "Completed"
    assert states["baseline, seed 1999"] == "Failed"


def test_a_worker_that_died_was_replaced_and_the_cell_tried_again(failed, workspace):
    assert "mlf, seed 1999: waiting, again, after: the worker on cpu died" in failed.stdout
    folder = cells(workspace)["mlf"]
    assert (folder / "DONE.json").exists()
    assert not (folder / "FAILED.json").exists()
    run = runs(workspace, "cell")["mlf"]
    assert run.info.status == "FINISHED"
    assert run.data.tags["hcfres.attempts"] == "2"
    assert (folder / "worker.log").read_text().count("begins on cpu") == 3


def test_every_failure_is_in_the_cells_folder_and_on_its_run(failed, workspace):
    told = json.loads((cells(workspace)["baseline"] / "FAILED.json").read_text())
    assert (told["reason"], told["attempts"], told["device"]) == ("ValueError", 1, "cpu")
    run = runs(workspace, "cell")["baseline"]
    assert run.info.status == "FAILED"
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    kept = {artefact.path for artefact in client.list_artifacts(run.info.run_id)}
    assert kept == {"error.log", "worker.log"}
    told = json.loads((cells(workspace)["vsd"] / "FAILED.json").read_text())
    assert (told["reason"], told["attempts"]) == ("masks of scene0700_00", 0)
    (grid,) = runs(workspace, "grid").values()
    assert grid.info.status == "FAILED"
    assert "failed: masks of scene0700_00" in grid.data.tags["mlflow.note.content"]
    assert runs(workspace, "stage")["stage masks"].info.status == "FAILED"


def test_the_table_is_written_with_its_holes(failed, workspace):
    told = (workspace / "reports" / "smoke" / "table3.md").read_text()
    assert "ours: failed: ValueError [1]" in told
    assert told.count("ours: failed: masks of scene0700_00") == 2
    assert told.count("| ours, smoke |") == 1


def test_prefect_keeps_the_cells_their_progress_and_the_links(failed, workspace):
    found = asked_of_prefect(workspace, "select key, type, data from artifact where key not null")
    told = {key: (kind, data) for key, kind, data in found}
    assert told["table3-ablation-smoke-progress"] == ("progress", 100)
    kind, table = told["table3-ablation-smoke-cells"]
    assert kind == "table"
    states = {row["row"]: row["state"] for row in json.loads(json.loads(table))}
    assert states == {
        "baseline": "failed: ValueError",
        "mlf": "done",
        "vsd": "failed: masks of scene0700_00",
        "vsd+mlf": "failed: masks of scene0700_00",
    }
    assert "#/experiments/" in told["table3-ablation-smoke-mlflow"][1]
    assert "reports/smoke" in told["table3-ablation-smoke-reports"][1]


def test_asking_again_tries_what_failed_and_nothing_else(failed, workspace):
    before = (cells(workspace)["mlf"] / "DONE.json").stat().st_mtime_ns
    again = run(workspace, {})
    assert again.returncode == 0, again.stdout + again.stderr
    assert "3 of 4 cells to run" in again.stdout
    assert (cells(workspace)["mlf"] / "DONE.json").stat().st_mtime_ns == before
    assert not list(workspace.glob("cells/*/FAILED.json"))
    assert {r.info.status for r in runs(workspace, "cell").values()} == {"FINISHED"}
    assert {r.info.status for r in runs(workspace, "grid").values()} == {"FINISHED"}
    told = (workspace / "reports" / "smoke" / "table3.md").read_text()
    assert told.count("| ours, smoke |") == 4
    assert "failed" not in told


def test_a_grid_whose_dataset_cannot_be_had_is_left_with_no_open_run(tmp_path):
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "data").write_text("no folder")
    failed = run(workspace, {})
    assert failed.returncode == 2, failed.stdout + failed.stderr
    assert {r.info.status for r in runs(workspace, "grid").values()} == {"FAILED"}
