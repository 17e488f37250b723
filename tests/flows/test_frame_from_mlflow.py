"""The results frame is the same whoever fills it: the workspace or MLflow."""

import json
import shutil
from dataclasses import asdict

import pandas as pd
import pytest

from flows.cells.records import read_records
from flows.report import build_table
from flows.tracking.logbook import CellLog
from flows.tracking.tracker import Tracker
from hcfres.reporting.frame import results_frame
from hcfres.reporting.text import markdown
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import finish, small_plan
from tests.flows.whole_cells import EPOCH

METRICS = (
    {
        "val/all/miou": 0.1 + 0.2,
        "val/all/acc_25": 1 / 3,
        "val/all/acc_50": 0.0,
        "best_held_out/all/miou": 2 / 3,
        "best_held_out/epoch": 4.0,
    },
    {"val/all/miou": 0.7, "val/mt/miou": 1e-17, "yardstick/nothing/all/miou": 0.11},
)


@pytest.fixture(scope="module")
def logged(tmp_path_factory, module_store):
    """Two finished cells in a workspace, logged as a grid logs them."""
    workspace = Workspace(tmp_path_factory.mktemp("frame"))
    tracker = Tracker(workspace)
    plan = small_plan(workspace)
    grid = tracker.run(plan.folder, "grid", "grid")
    for cell, metrics in zip(plan.cells, METRICS, strict=False):
        make_and_log(cell, metrics, tracker, grid)
    return workspace, tracker


def make_and_log(cell, metrics, tracker, grid):
    folder = finish(cell, metrics)
    (folder / "checkpoint").mkdir()
    for name in ("cell.json", "metrics.jsonl", "predictions.parquet", "checkpoint/state"):
        (folder / name).touch()
    (folder / "metrics.jsonl").write_text(json.dumps(asdict(EPOCH)) + "\n")
    CellLog(cell, tracker, grid).finish()


def test_mlflow_and_the_workspace_fill_the_same_frame(logged):
    workspace, tracker = logged
    records = read_records(workspace)
    assert len(records) == 2
    frame = results_frame(records)
    theirs = results_frame(tracker.records())
    pd.testing.assert_frame_equal(theirs, frame, check_exact=True)


def test_both_make_the_same_table(logged):
    workspace, tracker = logged
    records = read_records(workspace)
    plan = small_plan(workspace)
    tables = [
        markdown(build_table(plan, results_frame(filled), "table3"))
        for filled in (records, tracker.records())
    ]
    assert tables[0] == tables[1]
    assert "**70.0**" in tables[0]


@pytest.mark.parametrize("place", [0, 1])
def test_a_cell_whose_folder_was_deleted_and_made_again_counts_once_as_it_is_now(logged, place):
    workspace, tracker = logged
    plan = small_plan(workspace)
    cell, before = plan.cells[place], tracker.records()
    shutil.rmtree(cell.folder)
    grid = tracker.run(plan.folder, "grid", "grid")
    make_and_log(cell, METRICS[place] | {"val/all/miou": 0.8}, tracker, grid)
    asked = f"tags.`hcfres.cell_key` = '{cell.key}'"
    assert len(tracker.client.search_runs([tracker.experiment_id], asked)) == 2
    frame = results_frame(tracker.records())
    assert len(frame) == len(before) == 2
    assert frame[frame["key"] == cell.key]["val/all/miou"].tolist() == [0.8]
    pd.testing.assert_frame_equal(frame, results_frame(read_records(workspace)), check_exact=True)
