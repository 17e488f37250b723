"""What a plan says before any work: shared stages, cells, time, devices and disk."""

import io
import json
import re
import shutil
import sys
from collections import namedtuple
from dataclasses import fields, replace

import pytest
from rich.console import Console

from flows.cli import main
from flows.datasets import dataset_folder
from flows.places import ROOT
from flows.planning import estimate as estimating
from flows.planning.document import CellLine, PlanDocument, StageLine, plan_document
from flows.planning.estimate import estimate
from flows.planning.shared_stages import shared_stages
from flows.planning.view import duration, show
from flows.workers.slurm_settings import EXAMPLE, FILE
from hcfres.data.rooms.build import make_rooms
from hcfres.data.rooms.marker import Code
from hcfres.pipeline.places import Machine
from hcfres.pipeline.scene import Preparation, SceneJobs
from hcfres.pipeline.seen import WatchedDataset, notes_of
from hcfres.pipeline.stage_count import StageCount
from hcfres.store.store import Store
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import TABLE2, TABLE3, finish, small_plan


@pytest.fixture(autouse=True)
def _two_workers(monkeypatch):
    monkeypatch.setenv("HCFRES_DEVICE", "cpu")
    monkeypatch.setenv("HCFRES_WORKERS", "2")
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A workspace with the two rooms, and superpoints of the first."""
    workspace = Workspace(tmp_path_factory.mktemp("made"))
    setting = TABLE3.setting("smoke")
    root = dataset_folder(setting, workspace)
    make_rooms(setting.data.rooms, root, lambda done, total, name: None)
    jobs = SceneJobs(
        WatchedDataset(root, notes_of(root, workspace.store)),
        "scene0000_00",
        setting,
        TABLE3.rows[0].method,
        Preparation(Store(workspace.store), Machine(workspace.weights)),
    )
    jobs.superpoints.run()
    return workspace


@pytest.fixture
def workspace(made, tmp_path):
    return Workspace(shutil.copytree(made.root, tmp_path / "workspace"))


def said(told: PlanDocument) -> str:
    console = Console(width=200, file=io.StringIO(), record=True)
    show(told, console)
    return console.export_text()


def stage(told, name) -> StageLine:
    return next(line for line in told.stages if line.stage == name)


def test_shared_stages_are_counted_once_however_many_cells_need_them(workspace):
    told = plan_document(small_plan(workspace, seeds=tuple(range(10))))
    assert len(told.cells) == told.todo == 40
    superpoints, masks = stage(told, "superpoints"), stage(told, "masks")
    assert (superpoints.cells, superpoints.results) == (40, 2)
    assert (superpoints.done, superpoints.missing) == (1, 1)
    assert (masks.cells, masks.results, masks.missing) == (20, 2, 2)
    assert (stage(told, "rooms").done, stage(told, "rooms").results) == (2, 2)
    assert superpoints.seconds > 0


def test_only_what_unfinished_cells_read_is_counted(workspace):
    plan = small_plan(workspace, TABLE2, only=("mdin", "hcf_res"))
    finish(plan.cells[1], {})
    told = plan_document(small_plan(workspace, TABLE2, only=("mdin", "hcf_res")))
    assert [line.stage for line in told.stages] == ["rooms", "superpoints", "text"]
    finish(plan.cells[0], {})
    told = plan_document(small_plan(workspace, TABLE2, only=("mdin", "hcf_res")))
    assert told.stages == ()
    assert "all 2 cells are done; nothing to run" in said(told)


def test_rooms_that_are_not_made_are_counted_with_all_that_is_made_of_them(tmp_path):
    told = plan_document(small_plan(Workspace(tmp_path)))
    assert (stage(told, "rooms").missing, stage(told, "masks").missing) == (2, 2)
    assert not list(tmp_path.iterdir())


def test_rooms_of_other_code_are_counted_as_missing_and_left_as_they_are(workspace, monkeypatch):
    def files():
        return {path: path.read_bytes() for path in workspace.data.rglob("*") if path.is_file()}

    before = files()
    assert stage(plan_document(small_plan(workspace)), "rooms").missing == 0
    edited = Code("edited", frozenset())
    monkeypatch.setattr("hcfres.data.rooms.build.rooms_code", lambda: edited)
    assert stage(plan_document(small_plan(workspace)), "rooms").missing == 2
    assert files() == before


def test_a_result_of_rooms_that_are_gone_is_not_called_done(workspace):
    shutil.rmtree(workspace.data)
    counts = shared_stages(small_plan(workspace)).counts
    superpoints = next(count for count in counts if count.stage == "superpoints")
    assert (superpoints.done, superpoints.unsure, superpoints.missing) == (0, 1, 1)


def test_before_anything_was_measured_there_is_no_estimate(tmp_path):
    told = plan_document(small_plan(Workspace(tmp_path)))
    assert (told.estimate.wall_s, told.estimate.device_s, told.estimate.size) == (None, None, None)
    assert told.disk.fits is None
    assert {line.seconds_left for line in told.cells} == {None}
    assert "nothing of this setting was measured here yet, so no estimate" in said(told)


def counted(missing=0, seconds=None, size=None, stage="masks") -> StageCount:
    return StageCount(stage, 10, 10 - missing, missing, 0, 0, seconds, size)


def test_the_estimate_adds_stages_and_cells_by_what_they_took(workspace):
    plan = small_plan(workspace)
    finish(plan.cells[0], {}, seconds=100.0)
    finish(plan.cells[1], {}, seconds=300.0)
    plan = small_plan(workspace)
    found = estimate(plan, [counted(3, 10.0, 1000.0), counted()])
    assert (found.workers, found.device) == (2, "cpu")
    # 3 results of 10 s on 2 workers: 2 rounds; 2 cells of the setting's median, 200 s
    assert found.wall_s == 2 * 10 + 200
    assert found.device_s == 3 * 10 + 2 * 200
    size = sum(path.stat().st_size for path in plan.cells[0].folder.iterdir())
    assert found.size == pytest.approx(3 * 1000 + 2 * size, abs=50)
    assert found.not_counted == ()


def test_cells_of_the_same_method_say_more_than_others(workspace):
    plan = small_plan(workspace, seeds=(1, 2))
    finish(plan.cells[0], {}, seconds=100.0)  # baseline
    finish(plan.cells[2], {}, seconds=300.0)  # mlf
    lines = plan_document(small_plan(workspace, seeds=(1, 2))).cells
    assert [line.seconds_left for line in lines] == [None, 100, None, 300, 200, 200, 200, 200]
    assert [line.seconds for line in lines[:3]] == [100, None, 300]


def test_what_was_never_measured_is_left_out_and_named(workspace):
    found = estimate(small_plan(workspace), [counted(3, 10.0, 1000.0), counted(2, stage="text")])
    assert found.wall_s == 20
    assert found.not_counted == (
        "text (2)", "cells of baseline (1)", "cells of mlf (1)", "cells of vsd (1)",
        "cells of vsd+mlf (1)",
    )  # fmt: skip


def test_a_cell_that_was_begun_takes_its_other_epochs(workspace):
    finish(small_plan(workspace, seeds=(7,)).cells[0], {}, seconds=100.0)
    plan = small_plan(workspace, seeds=(7, 8), only=("baseline",))
    begun = plan.cells[1]
    (begun.folder / "checkpoint").mkdir(parents=True)
    epochs = begun.cell.setting.training.epochs
    (begun.folder / "metrics.jsonl").write_text("{}\n" * epochs)
    assert estimate(small_plan(workspace, seeds=(8,), only=("baseline",)), []).device_s == 0
    (begun.folder / "metrics.jsonl").unlink()
    assert estimate(small_plan(workspace, seeds=(8,), only=("baseline",)), []).device_s == 100


def test_cells_of_a_gpu_say_nothing_of_the_processor(workspace):
    plan = small_plan(workspace)
    finish(plan.cells[0], {}, seconds=1.0, device="cuda:0")
    found = estimate(small_plan(workspace), [])
    assert found.wall_s is None


def test_a_disk_that_is_too_small_is_said(workspace, monkeypatch):
    plan = small_plan(workspace)
    finish(plan.cells[0], {}, seconds=1.0)
    usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(estimating.shutil, "disk_usage", lambda place: usage(9, 9, 1000))
    told = plan_document(small_plan(workspace))
    assert (told.disk.free, told.disk.fits) == (1000, False)
    assert "the disk of the workspace has 1.0 kB free, and about" in said(told)


def test_many_cells_are_summed_up_by_row(workspace):
    plan = small_plan(workspace, seeds=tuple(range(30)))
    finish(plan.cells[0], {})
    text = said(plan_document(small_plan(workspace, seeds=tuple(range(30)))))
    assert "1 done, 29 to run" in text
    assert plan.cells[0].key[:12] not in text
    assert "119 of 120 cells to run" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (99, "99 s"), (100, "2 min"), (5999, "100 min"), (6000, "1.7 h"),
     (36_000, "10 h"), (259_200, "3.0 days")],
)  # fmt: skip
def test_times_are_told_as_people_do(seconds, text):
    assert duration(seconds) == text


@pytest.fixture
def told(monkeypatch, capsys, workspace):
    """Run the command as a person does; give the exit code and what it printed."""
    monkeypatch.setenv("HCFRES_HOME", str(workspace.root))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hcfres", "reproduce", "table3_ablation", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().out

    return run


def test_json_is_all_that_is_printed_and_has_the_keys_that_are_documented(told, workspace):
    before = sorted(workspace.root.rglob("*"))
    code, out = told("--setting", "smoke", "--plan", "--json", "--seeds", "1-2")
    assert code == 0
    document = json.loads(out)
    assert document.keys() == {field.name for field in fields(PlanDocument)}
    assert document["schema"] == "hcfres.plan/1"
    assert document["cells"][0].keys() == {field.name for field in fields(CellLine)}
    assert document["stages"][0].keys() == {field.name for field in fields(StageLine)}
    assert document["todo"] == len(document["cells"]) == 8
    assert sorted(workspace.root.rglob("*")) == before


def test_a_plan_for_slurm_reckons_with_the_jobs_it_may_submit(told, workspace):
    pytest.importorskip("submitit", reason="submitit is not installed")
    finish(small_plan(workspace).cells[0], {}, seconds=100.0, device="cuda:0")
    asked = ("--setting", "smoke", "--plan", "--json", "--on", "slurm")
    wall = {}
    for workers, gpus in ((4, 1), (1, 1), (1, 0)):
        text = (ROOT / EXAMPLE).read_text()
        for key, value in (("workers", workers), ("gpus", gpus), ("cluster", '"local"')):
            text = re.sub(rf"(?m)^{key} .*$", f"{key} = {value}", text)
        (workspace.root / FILE).write_text(text)
        code, out = told(*asked)
        document = json.loads(out)
        expected = document["estimate"]
        assert (code, document["todo"]) == (0, 4)
        assert (expected["workers"], expected["device"]) == (workers, ("cpu", "cuda")[gpus])
        wall[workers, gpus] = (
            [line["seconds_left"] for line in document["cells"]],
            expected["wall_s"],
        )
    assert wall[4, 1][0] == wall[1, 1][0] == [100.0] * 4
    assert wall[1, 1][1] - wall[4, 1][1] >= 300.0
    assert wall[1, 0][0] == [None] * 4


def test_json_belongs_to_a_plan(told):
    code, _ = told("--setting", "smoke", "--json")
    assert code == 2


def test_a_million_cells_are_refused_with_their_number_unless_confirmed(told):
    code, out = told("--setting", "smoke", "--plan", "--seeds", "0-249999")
    assert code == 2
    assert "table3_ablation has 1,000,000 cells with these seeds" in out
    assert "--cells-at-most 1000000" in out
    code, out = told("--setting", "smoke", "--plan", "--seeds", "0-9", "--cells-at-most", "39")
    assert code == 2
    code, out = told("--setting", "smoke", "--plan", "--seeds", "0-9", "--cells-at-most", "40")
    assert code == 0


def test_a_dataset_that_is_not_there_leaves_its_stages_uncounted(tmp_path):
    workspace = Workspace(tmp_path)
    plan = small_plan(workspace)
    setting = TABLE3.setting("scannet")
    smoke = plan.setting.model_copy(update={"data": setting.data})
    told = plan_document(replace(plan, setting=smoke))
    assert told.stages == ()
    assert "there is no dataset" in told.remarks[0]
    assert "the stages are not counted" in said(told)
