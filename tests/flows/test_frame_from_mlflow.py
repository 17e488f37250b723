"""The results frame is the same whoever fills it: the workspace or MLflow."""

import pandas as pd
import pytest

from flows.logbook import CellLog
from flows.report import build_table
from flows.tracking import Tracker
from hcfres.reporting.frame import CellRecord, read_records, results_frame
from hcfres.reporting.text import markdown
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import finish, small_plan

METRICS = (
    {"val/all/miou": 0.1 + 0.2, "val/all/acc_25": 1 / 3, "val/all/acc_50": 0.0},
    {"val/all/miou": 0.7, "val/mt/miou": 1e-17, "baseline/nothing/all/miou": 0.11},
)


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """Two finished cells in a workspace, logged as a grid logs them."""
    workspace = Workspace(tmp_path_factory.mktemp("frame"))
    tracker = Tracker(workspace)
    plan = small_plan(workspace)
    grid = tracker.run(plan.folder, "grid", "grid")
    for cell, metrics in zip(plan.cells, METRICS, strict=False):
        folder = finish(cell, metrics)
        (folder / "checkpoint").mkdir()
        for name in ("cell.json", "metrics.jsonl", "predictions.parquet", "checkpoint/state"):
            (folder / name).touch()
        CellLog(cell, tracker, grid).finish()
    return workspace, tracker


def from_mlflow(tracker, keys):
    """Rebuild the records from what MLflow holds: final metrics and tags."""
    runs = tracker._client.search_runs([tracker.experiment_id], "tags.`hcfres.kind` = 'cell'")
    tags = {run.data.tags["hcfres.cell_key"]: run.data.tags for run in runs}
    return [
        CellRecord(
            key=key,
            method=tags[key]["hcfres.method"],
            setting=tags[key]["hcfres.setting"],
            seed=int(tags[key]["hcfres.seed"]),
            code=tags[key]["hcfres.code"],
            metrics=metrics,
        )
        for key, metrics in tracker.cells(keys).items()
    ]


def test_mlflow_and_the_workspace_fill_the_same_frame(logged):
    workspace, tracker = logged
    records = read_records(workspace.cells)
    assert len(records) == 2
    frame = results_frame(records)
    theirs = results_frame(from_mlflow(tracker, [record.key for record in records]))
    pd.testing.assert_frame_equal(theirs, frame, check_exact=True)


def test_both_make_the_same_table(logged):
    workspace, tracker = logged
    records = read_records(workspace.cells)
    plan = small_plan(workspace)
    tables = [
        markdown(build_table(plan, results_frame(filled), "table3"))
        for filled in (records, from_mlflow(tracker, [record.key for record in records]))
    ]
    assert tables[0] == tables[1]
    assert "**70.0**" in tables[0]


def test_only_the_cells_asked_for_are_given(logged):
    workspace, tracker = logged
    first, _ = read_records(workspace.cells)
    assert set(tracker.cells([first.key, "unknown"])) == {first.key}
