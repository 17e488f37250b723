"""Passports on their way from a cell to a table, over the disk and over MLflow."""

import json
from dataclasses import replace

import pytest

from flows.cells.records import read_records
from flows.report import build_table
from flows.tracking.logbook import CellLog
from flows.tracking.tracker import Tracker
from hcfres.data.errors import DataError
from hcfres.evaluation.passport import Given, Passport, passports_json
from hcfres.reporting.frame import results_frame
from hcfres.store.files import file_hash
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import finish, small_plan

GIVEN = Given(True, False, False, False)
POINT = Passport("point", (0.25, 0.5), True, 10, "multi3drefer", "val", "ab" * 32, GIVEN)
BOX = replace(POINT, level="box", strict=False, min_points=0)
METRICS = {"val/all/acc_25": 0.5, "val/all/acc_50": 0.25, "val/all/miou": 0.3}


def finish_with(planned, *passports):
    folder = finish(planned, METRICS)
    told = json.loads((folder / "results.json").read_text())
    told["passports"] = passports_json(passports)
    (folder / "results.json").write_text(json.dumps(told))
    finished_with_what_is_there(folder)
    return folder


def finished_with_what_is_there(folder):
    done = json.loads((folder / "DONE.json").read_text())
    done["files"]["results.json"] = (folder / "results.json").stat().st_size
    done["hashes"]["results.json"] = file_hash(folder / "results.json")
    (folder / "DONE.json").write_text(json.dumps(done))


def table(workspace, **asked):
    frame = results_frame(read_records(workspace))
    return build_table(small_plan(workspace, **asked), frame, "table3")


def test_the_caption_says_the_passport_of_our_numbers(tmp_path):
    workspace = Workspace(tmp_path)
    for planned in small_plan(workspace).cells[:2]:
        finish_with(planned, POINT, BOX)
    told = table(workspace).caption
    assert "point-level IoU above 0.25 and 0.5, fewer than 10 vertices are no answer" in told
    assert "box-level IoU from 0.25 and 0.5; multi3drefer val abababababab" in told
    assert told.endswith("Given beside the point cloud and the sentence: frames.")


def test_cells_on_other_sentences_are_not_tabulated_together(tmp_path):
    workspace = Workspace(tmp_path)
    first, second = small_plan(workspace).cells[:2]
    finish_with(first, POINT)
    finish_with(second, replace(POINT, split_hash="cd" * 32))
    with pytest.raises(DataError, match="do not compare: they differ in split_hash"):
        table(workspace)


def test_seeds_of_a_row_have_one_passport(tmp_path):
    workspace = Workspace(tmp_path)
    first, second = small_plan(workspace, seeds=(1, 2)).cells[:2]
    finish_with(first, POINT)
    finish_with(second, replace(POINT, min_points=50))
    with pytest.raises(DataError, match=r"do not compare: they differ in min_points"):
        table(workspace, seeds=(1, 2))


def test_mlflow_holds_the_passports_that_the_disk_holds(tmp_path):
    workspace = Workspace(tmp_path)
    tracker, plan = Tracker(workspace), small_plan(workspace)
    folder = finish_with(plan.cells[0], POINT, BOX)
    (folder / "checkpoint").mkdir()
    for name in ("cell.json", "metrics.jsonl", "predictions.parquet", "checkpoint/state"):
        (folder / name).touch()
    CellLog(plan.cells[0], tracker, tracker.run(plan.folder, "grid", "grid")).finish()
    (kept,) = read_records(workspace)
    (logged,) = tracker.records()
    assert logged.passports == kept.passports == (POINT, BOX)


def test_a_damaged_passport_is_said_with_its_file(tmp_path):
    workspace = Workspace(tmp_path)
    folder = finish_with(small_plan(workspace).cells[0], POINT)
    text = (folder / "results.json").read_text().replace('"point"', '"voxel"')
    (folder / "results.json").write_text(text)
    finished_with_what_is_there(folder)
    with pytest.raises(DataError, match=r"results\.json: no passports: 0\.level"):
        read_records(workspace)
