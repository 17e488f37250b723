"""What a grid consists of, and what the disk knows of it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.datasets import dataset_folder
from flows.places import EXPERIMENTS
from flows.planning.plan import accept, cell_key, input_keys, make_plan, write_plan
from flows.reproduce import Asked, plan_of
from hcfres.config.identity import digest
from hcfres.config.loading import ConfigError
from hcfres.config.rows import load_experiment
from hcfres.data.dataset import LABEL_TABLE
from hcfres.pipeline.versions import CELL_VERSION
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import CODE, TABLE3, finish, small_plan


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def changed(config, **values):
    return config.model_copy(update=values)


def keys_in(setting, workspace):
    return [cell.key for cell in make_plan(TABLE3, setting, workspace, CODE).cells]


def test_every_row_is_a_cell_of_its_own_under_the_tables_names(workspace):
    plan = small_plan(workspace)
    assert [cell.row.name for cell in plan.cells] == ["baseline", "mlf", "vsd", "vsd+mlf"]
    assert len({cell.key for cell in plan.cells}) == 4
    assert {cell.state for cell in plan.cells} == {"missing"}
    assert plan.cells[0].label == "baseline, seed 1999"


def test_a_changed_value_is_another_cell(workspace):
    setting = TABLE3.setting("smoke")
    before = keys_in(setting, workspace)
    training = changed(setting.training, learning_rate=2e-3)
    lifting = changed(setting.lifting, neighbours=9)
    rooms = changed(setting.data, rooms=changed(setting.data.rooms, train_rooms=2))
    for other in (
        changed(setting, training=training),
        changed(setting, lifting=lifting),
        changed(setting, data=rooms),
        changed(setting, min_points=11),
        changed(setting, sam=changed(setting.sam, weights="random:1")),
    ):
        assert not set(before) & set(keys_in(other, workspace))


def test_a_name_or_a_place_is_not(workspace, tmp_path):
    setting = TABLE3.setting("smoke")
    before = keys_in(setting, workspace)
    renamed = changed(setting, name="tiny", title="another title", seeds=(1999,))
    assert keys_in(renamed, workspace) == before
    assert keys_in(setting, Workspace(tmp_path / "elsewhere")) == before
    cell = small_plan(workspace).cells[0].cell
    inputs = input_keys(cell, workspace)
    called = changed(cell, method=changed(cell.method, name="x", title="y"))
    assert cell_key(called, inputs) == cell_key(cell, inputs) == before[0]


@pytest.fixture
def scannet(workspace):
    """The paper's setting with untrained encoders, and a dataset folder with three files."""
    smoke, paper = TABLE3.setting("smoke"), TABLE3.setting("scannet")
    folder = dataset_folder(paper, workspace)
    folder.mkdir(parents=True)
    (folder / "multi3drefer_train.json").write_text("[1, 2, 3]")
    (folder / "scannetv2_train.txt").write_text("scene0000_00")
    (folder / "ScanRefer_filtered_val.json").write_text("[]")
    return changed(smoke, data=paper.data), folder


@pytest.mark.parametrize(
    "name",
    ["multi3drefer_train.json", "scannetv2_train.txt", "scannetv2_val.txt", LABEL_TABLE],
)
def test_other_sentences_lists_or_labels_are_another_cell(workspace, scannet, name):
    setting, folder = scannet
    before = keys_in(setting, workspace)
    (folder / name).write_text("[1]")
    after = keys_in(setting, workspace)
    assert not set(before) & set(after)
    (folder / name).unlink()
    assert keys_in(setting, workspace) != after


def test_what_a_setting_does_not_read_is_not(workspace, scannet):
    setting, folder = scannet
    before = keys_in(setting, workspace)
    (folder / "ScanRefer_filtered_val.json").write_text("[1]")
    (folder / "scannetv2_test.txt").write_text("scene0707_00")
    for path in folder.iterdir():
        path.touch()
    assert keys_in(setting, workspace) == before


def test_the_whole_method_is_the_same_cell_in_every_table(workspace):
    ablation = small_plan(workspace)
    asked = Asked(Path("table2_multi3drefer"), "smoke", only="hcf_res")
    assert plan_of(asked, workspace).cells[0].key == ablation.cells[-1].key


def test_a_cell_is_missing_then_partial_then_done(workspace):
    first = small_plan(workspace).cells[0]
    (first.folder / "checkpoint").mkdir(parents=True)
    assert small_plan(workspace).cells[0].state == "partial"
    finish(first, {"val/all/miou": 0.5}, seconds=120.0)
    plan = small_plan(workspace)
    assert [cell.state for cell in plan.cells] == ["done", "missing", "missing", "missing"]
    assert plan.cells[0].seconds == 120.0
    assert len(plan.todo) == 3


def test_a_cell_that_lost_bytes_is_not_done(workspace):
    first = small_plan(workspace).cells[0]
    folder = finish(first, {"val/all/miou": 0.5})
    (folder / "results.json").write_text("{}")
    assert small_plan(workspace).cells[0].state == "missing"
    (folder / "DONE.json").write_text('{"key": ')
    assert small_plan(workspace).cells[0].state == "missing"


def test_a_cell_of_other_code_is_planned_again_unless_it_is_accepted(workspace):
    finish(small_plan(workspace).cells[0], {}, code="the code of last week")
    plan = small_plan(workspace)
    assert plan.cells[0].state == "other code"
    assert plan.cells[0] in plan.todo
    kept = accept(plan).cells
    assert kept[0].state == "done"
    assert [cell.accepted for cell in kept] == [True, False, False, False]


def test_one_row_and_other_seeds_may_be_asked_for(workspace):
    plan = small_plan(workspace, only=("vsd",), seeds=(1, 2))
    assert [cell.label for cell in plan.cells] == ["vsd, seed 1", "vsd, seed 2"]
    assert len({cell.key for cell in plan.cells}) == 2
    with pytest.raises(ConfigError, match="no row 'vdd'; did you mean `vsd`"):
        small_plan(workspace, only=("vdd",))


def test_the_keys_of_many_seeds_are_those_of_each_cell(workspace):
    for planned in small_plan(workspace, seeds=(1, 2)).cells:
        inputs = input_keys(planned.cell, workspace)
        assert planned.key == digest("cell", CELL_VERSION, planned.cell, *inputs)
        assert planned.key == cell_key(planned.cell, inputs)


def test_two_tables_of_one_name_are_two_grids(workspace, tmp_path):
    folder = Path(shutil.copytree(EXPERIMENTS, tmp_path / "experiments"))
    table = folder / "table3_ablation.toml"
    table.write_text(table.read_text().replace("53.5", "53.6"))
    other = small_plan(workspace, load_experiment(table))
    plan = small_plan(workspace)
    assert [cell.key for cell in other.cells] == [cell.key for cell in plan.cells]
    assert other.folder != plan.folder
    assert other.folder.name.startswith("table3_ablation-smoke-")


def test_files_that_a_finished_cell_names_elsewhere_are_not_looked_at(workspace):
    first = small_plan(workspace).cells[0]
    folder = finish(first, {})
    (workspace.cells / "outside").write_text("x")
    done = json.loads((folder / "DONE.json").read_text())
    (folder / "DONE.json").write_text(json.dumps(done | {"files": {"../outside": 1}}))
    assert small_plan(workspace).cells[0].state == "missing"


def test_a_plan_is_written_where_the_same_plan_finds_it(workspace):
    plan = small_plan(workspace)
    write_plan(plan)
    told = json.loads((small_plan(workspace).folder / "plan.json").read_text())
    assert told["setting"] == "smoke"
    assert [cell["key"] for cell in told["cells"]] == [cell.key for cell in plan.cells]
    assert small_plan(workspace, seeds=(1,)).folder != plan.folder


def test_a_finished_grid_needs_neither_torch_nor_a_server(workspace, tmp_path):
    from hcfres.pipeline.versions import code_of_cells  # noqa: PLC0415

    plan = small_plan(workspace, code=code_of_cells())
    for cell in plan.cells:
        folder = finish(cell, {"val/all/miou": 0.5}, code=code_of_cells())
        (folder / "LOGGED").touch()
    plan.folder.mkdir(parents=True)
    (plan.folder / "LOGGED").touch()
    script = (
        "import sys, pathlib\n"
        "from rich.console import Console\n"
        "from flows.reproduce import Asked, reproduce_and_report\n"
        "asked = Asked(pathlib.Path('table3_ablation'), 'smoke')\n"
        "plan = reproduce_and_report(asked, Console())\n"
        "assert not plan.todo\n"
        "heavy = {'torch', 'prefect', 'mlflow', 'spconv', 'transformers'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)\n"
    )
    environment = os.environ | {"HCFRES_HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "all 4 cells are done" in ran.stdout
    assert (tmp_path / "reports" / "smoke" / "table3.md").exists()
