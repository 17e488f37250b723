"""Whole searches with real trainings: a room held out, untrained encoders, seconds a cell."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from flows.search.storage import known_trials
from flows.workers.pool import STOP, JobStopped, WorkerPool
from hcfres.pipeline.versions import code_of_cells
from hcfres.training.journal import read_journal
from tests.flows.search.test_study import MEDIAN
from tests.flows.searches import EPOCHS, SMALL, cells_in, experiments, learn

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
LAYERS = (
    SMALL.split("[space]")[0]
    .replace('["held_out_miou"]', '["held_out_miou", "latency_ms"]')
    .replace('"random"', '"grid"')
    .replace("seeds = [2000]", "seeds = [2000], within = 0.5")
    + "[space]\ndecoder.layers = { choices = [80, 1] }\n"
)
"""Eighty layers or one: whatever they score, and whatever else the machine does, one is faster."""


def launched(workspace: Path, *arguments) -> subprocess.Popen:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *map(str, arguments)],
        env={**kept, "HCFRES_HOME": str(workspace), "HCFRES_WORKERS": "2", "COLUMNS": "200"},
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def run(workspace: Path, *arguments) -> str:
    process = launched(workspace, *arguments)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def search(tmp_path_factory) -> tuple[Path, Path, str]:
    """The workspace of a search whose winner was compared with the base; its file; what it said."""
    folder = tmp_path_factory.mktemp("search")
    path = experiments(folder / "experiments", LAYERS)
    base = path.parent / "methods" / "hcf_res.toml"
    base.write_text(re.sub(r"(?m)^layers *= 6$", "layers = 80", base.read_text()))
    said = run(folder / "workspace", "tune", path, "--compare")
    return folder / "workspace", path, said


def runs_of(workspace: Path) -> list:
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    return client.search_runs([client.get_experiment_by_name("hcfres").experiment_id])


def of_kind(workspace: Path, kind: str) -> list:
    return [one for one in runs_of(workspace) if one.data.tags["hcfres.kind"] == kind]


def cells_of(workspace: Path) -> dict[str, tuple[int, int]]:
    """Layers and seed of each cell, by key."""
    told = {
        path.parent.name: json.loads(path.read_text())
        for path in workspace.glob("cells/*/cell.json")
    }
    return {key: (one["method"]["decoder"]["layers"], one["seed"]) for key, one in told.items()}


def test_the_faster_of_two_equals_wins_and_both_ran_with_every_seed(search):
    workspace, _, said = search
    assert "`decoder.layers = 1`" in said
    assert sorted(cells_of(workspace).values()) == [(1, 1999), (1, 2000), (80, 1999), (80, 2000)]
    for key in cells_of(workspace):
        reports = read_journal(workspace / "cells" / key / "metrics.jsonl")
        assert [report.epoch for report in reports] == list(range(EPOCHS))


def test_times_are_of_held_out_training_scenes_and_stay_with_the_cells(search):
    workspace, _, _ = search
    kept = {
        path.parent.name: json.loads(path.read_text())
        for path in workspace.glob("cells/*/held_out_latency.json")
    }
    layers = {cells_of(workspace)[key][0]: one["latency_ms"] for key, one in kept.items()}
    assert layers.keys() == {1, 80}
    assert 0 < layers[1] < layers[80]


def test_the_parent_run_holds_trials_report_pictures_and_the_winner(search):
    workspace, _, _ = search
    (study,) = of_kind(workspace, "study")
    assert study.info.status == "FINISHED"
    assert {"winner/held_out_miou", "search/best_miou"} <= study.data.metrics.keys()
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    history = client.get_metric_history(study.info.run_id, "search/latency_ms")
    assert sorted(metric.step for metric in history) == [0, 1]
    kept = {artefact.path for artefact in client.list_artifacts(study.info.run_id)}
    assert {"report.md", "figures", "methods", "settings", "winner_against_base.toml"} <= kept
    assert "## The best, with more seeds" in study.data.tags["mlflow.note.content"]


def test_the_trials_runs_are_the_cells_that_were_then_compared(search):
    workspace, _, _ = search
    assert {one.info.status for one in runs_of(workspace)} == {"FINISHED"}
    (study,), (grid,) = of_kind(workspace, "study"), of_kind(workspace, "grid")
    cells = of_kind(workspace, "cell")
    assert {one.data.tags["hcfres.cell_key"] for one in cells} == cells_of(workspace).keys()
    assert {one.data.tags["mlflow.parentRunId"] for one in cells} == {grid.info.run_id}
    stages = of_kind(workspace, "stage")
    assert study.info.run_id in {one.data.tags["mlflow.parentRunId"] for one in stages}
    for one in cells:
        client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
        steps = [m.step for m in client.get_metric_history(one.info.run_id, "train/total")]
        assert steps == list(range(EPOCHS))


def test_validation_was_asked_by_the_comparison_alone(search):
    """Every cell was trained before the first was evaluated, and none twice."""
    workspace, _, said = search
    trained = [path.stat().st_mtime for path in workspace.glob("cells/*/held_out_latency.json")]
    evaluated = [path.stat().st_mtime for path in workspace.glob("cells/*/DONE.json")]
    assert len(evaluated) == 4
    assert max(trained) < min(evaluated)
    assert "4 of 4 cells to run" in said
    (folder,) = workspace.glob("studies/*")
    assert (folder / "comparison.md").read_text().count("ours, small") == 2
    assert "## On validation, asked once" in (folder / "report.md").read_text()


def test_asking_again_trains_and_evaluates_nothing(search):
    workspace, path, _ = search
    watched = [
        p for p in workspace.glob("cells/*/*") if p.suffix in (".json", ".jsonl", ".parquet")
    ]
    before = {place: place.stat().st_mtime_ns for place in watched}
    said = run(workspace, "tune", path, "--compare")
    assert "2 of 4 trials asked for" in said or "nothing to run" in said
    assert "all 2 cells are done" in said or "all 4 cells are done" in said
    assert {place: place.stat().st_mtime_ns for place in watched} == before


def test_a_training_that_is_stopped_goes_on_from_where_it_was(search, monkeypatch):
    workspace, _, _ = search
    monkeypatch.setenv("HCFRES_HOME", str(workspace))
    key = next(iter(cells_of(workspace)))
    cell = json.loads((workspace / "cells" / key / "cell.json").read_text())
    fresh = json.dumps(cell | {"seed": 7})
    with WorkerPool(("cpu",)) as pool:
        with pytest.raises(JobStopped):
            pool.call(
                "flows.jobs:train_cell", fresh, "stopped", False,
                on_event=lambda told: STOP if told["epoch"] == 1 else None,
            )  # fmt: skip
        journal = workspace / "cells" / "stopped" / "metrics.jsonl"
        begun = read_journal(journal)
        pool.call("flows.jobs:train_cell", fresh, "stopped", False)
    assert [report.epoch for report in begun] == [0, 1]
    assert read_journal(journal)[:2] == begun
    assert len(read_journal(journal)) == EPOCHS


def test_a_search_killed_in_a_training_goes_on_with_it(tmp_path):
    workspace = tmp_path / "workspace"
    path = experiments(tmp_path / "experiments")
    process = launched(workspace, "tune", path, "--trials", "3")
    deadline = time.monotonic() + 400
    while not (begun := _begun(workspace)) and time.monotonic() < deadline:
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(2.0)  # its workers end by themselves
    assert begun, process.stdout.read()
    said = run(workspace, "tune", path, "--trials", "3")
    assert re.search(r"[123] of 3 trials asked for", said)
    assert "3 of 3 trials asked for" in run(workspace, "tune", path, "--trials", "3", "--plan")
    for key, lines in begun.items():
        assert read_journal(workspace / "cells" / key / "metrics.jsonl")[: len(lines)] == lines
    journals = [read_journal(place) for place in workspace.glob("cells/*/metrics.jsonl")]
    assert {len(reports) for reports in journals} == {EPOCHS}
    assert {one.info.status for one in runs_of(workspace)} == {"FINISHED"}
    (report,) = workspace.glob("studies/*/report.md")
    assert "Winner, by the highest mean" in report.read_text()


def _begun(workspace: Path) -> dict:
    """The epochs of each training that is under way, once some are behind one of them."""
    found = {}
    for place in workspace.glob("cells/*/checkpoint/state.safetensors"):
        reports = read_journal(place.parents[1] / "metrics.jsonl")
        found[place.parents[1].name] = reports[:-1]  # the last may be ahead of its checkpoint
    busy = any(2 <= len(reports) < EPOCHS - 1 for reports in found.values())
    return found if busy else {}


def test_trials_below_the_median_end_in_their_fifth_epoch_and_the_base_does_not(tmp_path):
    """Three cells that are said to score 0.9 were there before; no other comes near."""
    cells = cells_in(tmp_path, MEDIAN, code=code_of_cells())
    for values in list(cells.search.space.points())[-3:]:
        learn(cells.planned(values, ""), 0.9, cells.code)
    workspace = cells.workspace.root
    run(workspace, "tune", cells.search.source, "--trials", "3")
    trials = [trial for trial in known_trials(cells, None) if trial.repeats is None]
    states = {trial.origin: trial.state for trial in trials if trial.origin != "found"}
    assert states["base"] == "done"
    pruned = [trial for trial in trials if trial.state == "pruned"]
    assert len(pruned) == 2
    by_key = {one.data.tags["hcfres.cell_key"]: one for one in of_kind(workspace, "trial")}
    for trial in pruned:
        journal = workspace / "cells" / trial.key / "metrics.jsonl"
        assert [report.epoch for report in read_journal(journal)] == list(range(5))
        assert by_key[trial.key].info.status == "KILLED"
    (report,) = workspace.glob("studies/*/report.md")
    assert report.read_text().count("| pruned |") == 2
