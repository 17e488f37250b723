"""The whole line on two tiny rooms with untrained encoders: what is on the disk afterwards."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from hcfres.evaluation.recompute import evaluate_file
from hcfres.store.files import fresh_hash
from hcfres.store.workspace import Workspace
from hcfres.training.checkpoint import read_tensors, write_tensors
from hcfres.training.journal import read_journal

ROOT = Path(__file__).resolve().parents[2]
HCFRES = [sys.executable, "-m", "flows.cli"]
GRID = ["reproduce", "table3_ablation", "--setting", "smoke"]
MEASURED = ("val", "yardstick")


def run(workspace: Path, *arguments: str) -> str:
    asked = subprocess.run(
        [*HCFRES, *arguments],
        env=environment(workspace),
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
    return asked.stdout


def environment(workspace: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    return {**kept, "HCFRES_HOME": str(workspace), "HCFRES_WORKERS": "2"}


def files_of(workspace: Path) -> dict[str, int]:
    folders = ("cells", "store", "data")
    return {
        str(path.relative_to(workspace)): path.stat().st_mtime_ns
        for folder in folders
        for path in (workspace / folder).rglob("*")
        if path.is_file() and path.suffix != ".lock" and ".locks" not in path.parts
    }


@pytest.fixture(scope="module")
def grid(tmp_path_factory) -> Path:
    workspace = tmp_path_factory.mktemp("newcomer") / "workspace"
    run(workspace, *GRID)
    return workspace


def test_every_row_of_the_table_is_a_finished_cell(grid):
    done = [json.loads(path.read_text()) for path in grid.glob("cells/*/DONE.json")]
    assert len(done) == 4
    rows = json.loads(next(grid.glob("grids/*/plan.json")).read_text())["cells"]
    assert [row["row"] for row in rows] == ["baseline", "mlf", "vsd", "vsd+mlf"]
    assert {row["state"] for row in rows} == {"done"}


def test_the_table_stands_in_the_workspace_with_the_papers_numbers_beside_ours(grid):
    told = (grid / "reports" / "smoke" / "table3.md").read_text()
    assert told.count("ours, smoke") == 4
    assert "53.5" in told


def test_accuracies_follow_from_the_predictions_alone(grid):
    for cell in grid.glob("cells/*"):
        metrics = json.loads((cell / "results.json").read_text())["metrics"]
        again = evaluate_file(cell / "predictions.parquet").flat()
        assert again
        assert {f"val/{name}": value for name, value in again.items()} == pytest.approx(
            {name: value for name, value in metrics.items() if name.startswith("val/")}
        )


def test_predictions_have_one_row_an_expression(grid):
    expressions = json.loads(next(grid.glob("data/*/multi3drefer_val.json")).read_text())
    for cell in grid.glob("cells/*"):
        assert len(pd.read_parquet(cell / "predictions.parquet")) == len(expressions)


def test_mlflow_nests_the_cells_and_stages_under_the_grid(grid):
    client = MlflowClient(f"sqlite:///{grid / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("hcfres").experiment_id])
    by_kind = {
        kind: [r for r in runs if r.data.tags["hcfres.kind"] == kind]
        for kind in ("grid", "stage", "cell")
    }
    (parent,) = by_kind["grid"]
    children = by_kind["cell"] + by_kind["stage"]
    assert len(by_kind["cell"]) == 4
    assert {r.data.tags["mlflow.parentRunId"] for r in children} == {parent.info.run_id}
    assert {r.info.status for r in runs} == {"FINISHED"}
    assert "mean/vsd_mlf/miou" in parent.data.metrics
    for cell in by_kind["cell"]:
        assert cell.data.params["method.name"].startswith("hcf_res")
        assert {"train/total", "val/all/miou", "cost/params_m"} <= cell.data.metrics.keys()
        kept = {a.path for a in client.list_artifacts(cell.info.run_id)}
        assert {"predictions", "checkpoint", "results.json", "environment.txt"} <= kept


def test_asking_again_makes_nothing_anew(grid):
    before = files_of(grid)
    told = run(grid, *GRID)
    assert "nothing to run" in told
    assert files_of(grid) == before


@pytest.mark.slow
def test_a_grid_carried_to_an_empty_workspace_is_done_there(grid, tmp_path):
    file, there = tmp_path / "grid.zip", tmp_path / "there"
    run(grid, "export", "table3", "--out", str(file), "--with-stages")
    run(there, "import", str(file))
    read = {
        f"store/{stage}/{scene}-{key}"
        for entries in there.glob("cells/*/entries.json")
        for stage, scenes in json.loads(entries.read_text()).items()
        for scene, key in scenes.items()
    }
    came = {str(path.relative_to(there)) for path in there.glob("store/[a-z]*/*")}
    assert came == read != set()
    assert f"all {len(came)} results are what was written" in " ".join(
        run(there, "store", "verify").split()
    )
    plan = json.loads(run(there, *GRID, "--plan", "--json"))
    assert plan["todo"] == 0
    told = run(there, *GRID)
    assert "nothing to run" in told
    tables = [(at / "reports" / "smoke").iterdir() for at in (grid, there)]
    ours, theirs = ({path.name: path.read_bytes() for path in one} for one in tables)
    assert ours == theirs
    assert len(list(there.glob("cells/*/LOGGED"))) == 4


@pytest.mark.slow
def test_a_removed_cell_is_run_again_and_nothing_else(grid):
    cells = sorted(grid.glob("cells/*"))
    kept = {c.name: (c / "DONE.json").stat().st_mtime_ns for c in cells[1:]}
    (cells[0] / "DONE.json").unlink()
    store = {k: v for k, v in files_of(grid).items() if k.startswith(("store", "data"))}
    run(grid, *GRID)
    assert (cells[0] / "DONE.json").exists()
    assert {c.name: (c / "DONE.json").stat().st_mtime_ns for c in cells[1:]} == kept
    after = {k: v for k, v in files_of(grid).items() if k.startswith(("store", "data"))}
    assert after == store


@pytest.mark.slow
def test_one_row_of_a_grid_ends_with_its_reports(grid):
    (grid / "reports" / "smoke" / "table3.md").unlink()
    run(grid, *GRID, "--only", "baseline")
    assert (grid / "reports" / "smoke" / "table3.md").read_text().count("ours, smoke") == 4
    table = described(grid, "table3_ablation", cells=1)
    assert table.count("ours, smoke") == 1
    assert "--only vsd+mlf" in table


@pytest.mark.slow
def test_one_method_is_a_grid_of_one_cell(grid):
    run(grid, "train", "hcf_res", "--setting", "smoke")
    assert described(grid, "table2_multi3drefer", cells=1).count("ours, smoke") == 1


def described(workspace: Path, experiment: str, cells: int) -> str:
    """The table on the page of a finished grid's run."""
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    (run,) = client.search_runs(
        [client.get_experiment_by_name("hcfres").experiment_id],
        f"tags.`hcfres.kind` = 'grid' and tags.`hcfres.experiment` = '{experiment}' "
        f"and params.cells = '{cells}'",
    )
    assert run.info.status == "FINISHED"
    return run.data.tags["mlflow.note.content"]


@pytest.mark.slow
def test_a_cell_that_other_code_made_is_trained_anew(grid):
    planned = json.loads(next(grid.glob("grids/table3*/plan.json")).read_text())["cells"]
    cell = grid / "cells" / next(c["key"] for c in planned if c["row"] == "baseline")
    before = numbers(Workspace(grid))
    code, old_run = made_by_other_code(cell, grid)
    told = run(grid, *GRID)
    assert "1 of 4 cells to run" in told
    assert numbers(Workspace(grid)) == before
    assert json.loads((cell / "DONE.json").read_text())["code"] == code
    assert [report.epoch for report in read_journal(cell / "metrics.jsonl")] == [0]
    client = MlflowClient(f"sqlite:///{grid / 'mlflow.db'}")
    new_run = json.loads((cell / "mlflow.json").read_text())["run_id"]
    runs = [client.get_run(one) for one in (old_run, new_run)]
    assert [r.data.tags["hcfres.kind"] for r in runs] == ["superseded", "cell"]
    assert [r.info.status for r in runs] == ["FINISHED", "FINISHED"]
    assert [m.step for m in client.get_metric_history(new_run, "train/total")] == [0]


def made_by_other_code(cell: Path, workspace: Path) -> tuple[str, str]:
    """Disguise a finished cell; the code that made it and its run in MLflow."""
    code = json.loads((cell / "DONE.json").read_text())["code"]
    for name in ("DONE.json", "results.json"):
        text = (cell / name).read_text()
        (cell / name).write_text(text.replace(code, code[::-1]))
    done = json.loads((cell / "DONE.json").read_text())
    done["hashes"]["results.json"] = fresh_hash(cell / "results.json")
    (cell / "DONE.json").write_text(json.dumps(done))
    state = cell / "checkpoint" / "state.safetensors"
    tensors, about = read_tensors(state)
    identity = about["identity"].replace(code, code[::-1])
    write_tensors(state, tensors, about | {"identity": identity})
    noted = json.loads((cell / "mlflow.json").read_text())["run_id"]
    MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}").set_tag(noted, "hcfres.code", code[::-1])
    return code, noted


def test_the_readmes_notebook_example_runs(grid, monkeypatch):
    readme = (ROOT / "README.md").read_text()
    example = readme.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(grid.parent)
    names: dict[str, Any] = {}
    exec(example, names)
    assert [answer.sentence for answer in names["answers"]] == [
        "the white chair",
        "all the pillows",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [8.0, 20.0, 30.0])
def test_a_killed_grid_is_finished_by_asking_again(tmp_path, grid, seconds):
    process = subprocess.Popen(
        [*HCFRES, *GRID], env=environment(tmp_path), cwd=ROOT, start_new_session=True
    )
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run(tmp_path, *GRID)
    assert numbers(Workspace(tmp_path)) == numbers(Workspace(grid))
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("hcfres").experiment_id])
    assert {r.info.status for r in runs} == {"FINISHED"}
    assert sum(r.data.tags["hcfres.kind"] == "cell" for r in runs) == 4


def numbers(workspace: Workspace) -> dict[str, dict[str, float]]:
    told = [json.loads(p.read_text()) for p in workspace.cells.glob("*/results.json")]
    return {
        cell["key"]: {k: v for k, v in cell["metrics"].items() if k.startswith(MEASURED)}
        for cell in told
    }
