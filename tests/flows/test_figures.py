"""The figures of a grid, from the folders of its cells."""

import json
from dataclasses import asdict

import pytest
from PIL import Image

import flows.figures
from flows.datasets import dataset_folder
from flows.figures import label, write_figures
from hcfres.reporting.bars import PREDICTORS, SCORES
from hcfres.store.workspace import Workspace
from hcfres.training.journal import EpochReport
from tests.evaluation.scenes import make_scene
from tests.flows.fabricated import CODE, TABLE2, finish, small_plan
from tests.reporting.drawn import write_predictions

METRICS = {f"val/all/{score}": 0.3 for score in SCORES} | {
    f"yardstick/{name}/all/{score}": 0.1 for name in PREDICTORS for score in SCORES
}


class Scans:
    """A dataset of one scan."""

    def __init__(self, root):
        self.root = root

    def scene(self, scene_id):
        return make_scene(scene_id)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setattr(flows.figures, "Dataset", Scans)
    monkeypatch.setattr(flows.figures, "code_of_cells", lambda: CODE)
    made = Workspace(tmp_path)
    dataset_folder(small_plan(made).setting, made).mkdir(parents=True)
    return made


def finish_whole(cell, seed=0, code=CODE):
    folder = finish(cell, METRICS, code)
    report = EpochReport(0, 1, {"total": 4.0}, 0.5, 1e-3, 0.2, 1.0, 100.0, 0.0)
    (folder / "metrics.jsonl").write_text(json.dumps(asdict(report)) + "\n")
    write_predictions(folder / "predictions.parquet", seed)


def test_a_grid_without_a_finished_cell_has_no_figures(workspace, tmp_path):
    assert write_figures(small_plan(workspace), workspace, tmp_path / "figures") == ()


def test_cells_finished_after_the_plan_was_made_are_drawn(workspace, tmp_path):
    plan = small_plan(workspace)
    for seed, cell in enumerate(plan.cells[:2]):
        finish_whole(cell, seed)
    finish_whole(plan.cells[2], code="the code of last week")
    written = write_figures(plan, workspace, tmp_path / "figures")
    names = [f"table3_ablation_{kind}.png" for kind in ("curves", "scores", "examples")]
    assert [path.name for path in written] == names
    assert all(path.stat().st_size < 1_000_000 for path in written)
    widths = [Image.open(path).size[0] for path in written]
    assert min(widths) > 600


def test_only_rows_of_this_code_are_shown(workspace, tmp_path, monkeypatch):
    plan = small_plan(workspace)
    finish_whole(plan.cells[0])
    finish_whole(plan.cells[2], code="the code of last week")
    shown = []
    draw = flows.figures.example_masks

    def spy(rows, *rest):
        shown.extend(name for name, _ in rows)
        return draw(rows, *rest)

    monkeypatch.setattr(flows.figures, "example_masks", spy)
    write_figures(plan, workspace, tmp_path / "figures")
    assert shown == ["✗ VSD ✗ MLF"]


def test_where_the_dataset_is_not_the_examples_are_left_out(workspace, tmp_path):
    plan = small_plan(workspace)
    finish_whole(plan.cells[0])
    dataset_folder(plan.setting, workspace).rmdir()
    written = write_figures(plan, workspace, tmp_path / "figures")
    names = [f"table3_ablation_{kind}.png" for kind in ("curves", "scores")]
    assert [path.name for path in written] == names


def test_a_row_is_called_by_its_switches_or_its_method(workspace):
    assert label(small_plan(workspace).cells[1].row) == "✗ VSD ✓ MLF"
    assert label(small_plan(workspace, TABLE2).cells[-1].row) == "HCF-RES"
