"""A workspace whose databases a fault of the disk has damaged: nothing is lost but what was noted.

A real grid, whose workers pretend to compute.
"""

import json

import pytest

from tests.flows.test_grid_failures import cells, run, runs

pytestmark = pytest.mark.slow
GARBAGE = b"\0garbage" * 2000


def test_the_way_out_of_damage_logs_all_of_a_grid_anew(tmp_path):
    workspace = tmp_path / "workspace"
    assert run(workspace, {}).returncode == 0
    (workspace / "mlflow.db").write_bytes(GARBAGE)
    (workspace / "prefect" / "prefect.db").write_bytes(GARBAGE)
    (cells(workspace)["mlf"] / "DONE.json").unlink()
    stopped = run(workspace, {})
    assert stopped.returncode == 2
    assert f"{workspace}/mlflow.db is damaged (file is not a database)" in stopped.stdout
    assert "Traceback" not in stopped.stdout + stopped.stderr
    assert f"{workspace}/prefect/prefect.db was damaged (" in stopped.stderr
    for path in workspace.glob("mlflow.db*"):
        path.rename(tmp_path / path.name)
    for path in workspace.rglob("LOGGED"):
        path.unlink()
    again = run(workspace, {})
    assert again.returncode == 0, again.stdout + again.stderr
    assert "damaged" not in again.stdout + again.stderr
    after = runs(workspace, "cell")
    for row, folder in cells(workspace).items():
        measured = json.loads((folder / "results.json").read_text())["metrics"]
        assert after[row].data.metrics.items() >= measured.items()
        assert after[row].data.metrics["train/total"] == pytest.approx(0.6)
    assert {r.info.status for r in after.values()} == {"FINISHED"}
    assert {r.info.status for r in runs(workspace, "grid").values()} == {"FINISHED"}
