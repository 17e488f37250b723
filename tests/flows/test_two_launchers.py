"""Two launchers on one workspace: real grids whose workers pretend to compute."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tests.flows.test_reproduce import ROOT, environment

pytestmark = pytest.mark.slow
ROWS = ("baseline", "mlf", "vsd", "vsd+mlf")


def launch(workspace: Path, how: str) -> subprocess.Popen[str]:
    """Start a launcher with one worker."""
    trouble = json.dumps({f"train {row}": how for row in ROWS})
    return subprocess.Popen(
        [sys.executable, "-m", "tests.flows.stand_ins"],
        env=environment(workspace)
        | {"HCFRES_WORKERS": "1", "HCFRES_DEVICE": "cpu", "STAND_INS": trouble},
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def logs(workspace: Path) -> list[str]:
    return [path.read_text() for path in sorted(workspace.glob("cells/*/worker.log"))]


def runs(workspace: Path, kind: str) -> list:
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    found = client.search_runs([client.get_experiment_by_name("hcfres").experiment_id])
    return [run for run in found if run.data.tags["hcfres.kind"] == kind]


def test_they_share_the_cells_and_do_none_twice(tmp_path):
    both = [launch(tmp_path, "brisk") for _ in range(2)]
    told = [process.communicate(timeout=240)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert len(logs(tmp_path)) == 4
    assert [log.count("begins on cpu") for log in logs(tmp_path)] == [2, 2, 2, 2]
    workers = {re.search(r"process (\d+): \S+:train_cell", log).group(1) for log in logs(tmp_path)}
    assert len(workers) == 2
    assert any("another launcher" in text for text in told)
    assert len(runs(tmp_path, "grid")) == 1
    assert len(runs(tmp_path, "cell")) == 4
    for kind in ("grid", "cell", "stage"):
        assert {run.info.status for run in runs(tmp_path, kind)} == {"FINISHED"}
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    for run in runs(tmp_path, "cell"):
        steps = [m.step for m in client.get_metric_history(run.info.run_id, "train/total")]
        assert steps == list(range(20))


def test_what_one_had_in_hand_when_it_was_killed_the_other_takes_over(tmp_path):
    both = [launch(tmp_path, "slow") for _ in range(2)]
    until = time.monotonic() + 120
    while len([log for log in logs(tmp_path) if "'epoch': 2" in log]) < 2:
        assert time.monotonic() < until
        time.sleep(0.2)
    both[0].kill()
    told = both[1].communicate(timeout=400)[0]
    both[0].communicate()
    assert both[1].returncode == 0, told
    assert sorted(log.count("begins on cpu") for log in logs(tmp_path)) == [2, 2, 2, 3]
    assert len(list(tmp_path.glob("cells/*/DONE.json"))) == 4
    assert len(runs(tmp_path, "cell")) == 4
    for kind in ("grid", "cell", "stage"):
        assert {run.info.status for run in runs(tmp_path, kind)} == {"FINISHED"}
