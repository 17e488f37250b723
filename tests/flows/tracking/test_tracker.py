"""MLflow as a view of the disk: a real database, embedded or not, or a real server."""

import gzip
import json
import re
import shutil
import sqlite3
from contextlib import closing
from urllib.parse import parse_qs

import pytest

from flows.tracking.run_notes import TOKEN_NOTE, forget_run, run_ids
from flows.tracking.store import TRACKING
from flows.tracking.tracked_run import LARGEST_SHOWN
from flows.tracking.tracker import Tracker, chart_link, flatten
from hcfres.store.errors import StoreError
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import small_plan


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, module_store):
    return Workspace(tmp_path_factory.mktemp("tracked"))


@pytest.fixture(scope="module")
def tracker(workspace):
    return Tracker(workspace)


def read(tracker, run):
    return tracker._client.get_run(run.run_id)


def test_a_folder_has_one_run_however_often_it_is_opened(tracker, workspace):
    folder = workspace.cells / "once"
    first = tracker.run(folder, "cell", "cell")
    first.end("FAILED")
    again = Tracker(workspace).run(folder, "cell", "cell")
    assert again.run_id == first.run_id
    assert read(tracker, again).info.status == "RUNNING"
    assert tracker.run(workspace.cells / "other", "cell", "cell").run_id != first.run_id


def test_a_run_that_was_deleted_is_made_anew(tracker, workspace):
    folder = workspace.cells / "deleted"
    first = tracker.run(folder, "cell", "cell")
    tracker._client.delete_run(first.run_id)
    assert tracker.run(folder, "cell", "cell").run_id != first.run_id
    (folder / "mlflow.json").write_text(json.dumps({"run_id": "0" * 32}))
    assert tracker.run(folder, "cell", "cell").run_id != first.run_id


def test_the_run_of_a_launcher_killed_before_it_noted_the_run_is_taken_up(tracker, workspace):
    folder = workspace.cells / "killed"
    first = tracker.run(folder, "cell", "cell")
    token = read(tracker, first).data.tags["hcfres.token"]
    (folder / "mlflow.json").unlink()
    (folder / "mlflow.token").write_text(token)  # as it was at that moment
    assert tracker.run(folder, "cell", "cell").run_id == first.run_id
    assert run_ids(folder) == (first.run_id,)


@pytest.mark.parametrize("place", range(0, 80, 9))
def test_a_note_that_is_damaged_by_one_bit_makes_no_second_run(tracker, workspace, place):
    folder = workspace.cells / f"damaged at {place}"
    first = tracker.run(folder, "cell", "cell")
    note = bytearray((folder / "mlflow.json").read_bytes())
    whole = bytes(note)
    note[place % len(note)] ^= 1 << place % 7
    (folder / "mlflow.json").write_bytes(note)
    assert run_ids(folder) == ()
    assert tracker.run(folder, "cell", "cell").run_id == first.run_id
    assert (folder / "mlflow.json").read_bytes() == whole


def test_a_note_of_before_it_held_its_check_is_believed(tracker, workspace):
    folder = workspace.cells / "old"
    first = tracker.run(folder, "cell", "cell")
    (folder / "mlflow.json").write_text(json.dumps({"run_id": first.run_id}))
    (folder / "mlflow.token").unlink()
    assert tracker.run(folder, "cell", "cell").run_id == first.run_id


def test_a_run_that_was_put_aside_is_not_found_again_by_a_token_left_behind(tracker, workspace):
    folder = workspace.cells / "aside"
    first = tracker.run(folder, "cell", "cell")
    forget_run(folder)
    assert tracker.run(folder, "cell", "cell").run_id != first.run_id


def test_a_new_run_whose_files_belong_elsewhere_is_refused(tracker, workspace, monkeypatch):
    """Whoever writes to a shared store may change where the next run's artefacts go."""
    create = type(tracker.client).create_run

    def elsewhere(self, *given, **named):
        run = create(self, *given, **named)
        run.info._artifact_uri = "file:///etc"
        return run

    monkeypatch.setattr(type(tracker.client), "create_run", elsewhere)
    with pytest.raises(StoreError, match="file:///etc, where nothing is written"):
        tracker.run(workspace.cells / "elsewhere", "cell", "cell")


def test_a_launcher_killed_before_it_made_the_run_leaves_nothing_in_the_way(tracker, workspace):
    folder = workspace.cells / "killed before"
    folder.mkdir(parents=True)
    (folder / "mlflow.token").write_text("0123456789abcdef")
    run = tracker.run(folder, "cell", "cell")
    assert read(tracker, run).data.tags["hcfres.token"] == "0123456789abcdef"


def test_a_run_that_was_left_open_is_ended_and_an_ended_one_stays_as_it_ended(tracker, workspace):
    folder = workspace.root / "stages" / "masks"
    tracker.end_open(folder)
    run = tracker.run(folder, "stage masks", "stage")
    tracker.end_open(folder)
    assert read(tracker, run).info.status == "FINISHED"
    run.end("FAILED")
    tracker.end_open(folder)
    assert read(tracker, run).info.status == "FAILED"


def test_a_run_left_open_by_a_launcher_killed_before_it_noted_the_run_is_ended_too(
    tracker, workspace
):
    folder = workspace.root / "stages" / "tokens"
    run = tracker.run(folder, "stage tokens", "stage")
    token = read(tracker, run).data.tags["hcfres.token"]
    (folder / "mlflow.json").unlink()
    (folder / "mlflow.token").write_text(token)  # as it was at that moment
    tracker.end_open(folder)
    assert read(tracker, run).info.status == "FINISHED"


def test_a_cell_hangs_under_its_grid(tracker, workspace):
    grid = tracker.run(workspace.grids / "g", "grid", "grid")
    cell = tracker.run(workspace.cells / "child", "cell", "cell", grid)
    tags = read(tracker, cell).data.tags
    assert tags["mlflow.parentRunId"] == grid.run_id
    assert (tags["hcfres.kind"], tags["mlflow.runName"]) == ("cell", "cell")


def test_the_last_step_tells_what_need_not_be_logged_again(tracker, workspace):
    run = tracker.run(workspace.cells / "steps", "cell", "cell")
    assert run.last_step("train/total") == -1
    for step in range(3):
        run.metrics({"train/total": 3.0 - step}, step, 1000 + step)
    opened = tracker.run(workspace.cells / "steps", "cell", "cell")
    assert opened.last_step("train/total") == 2
    history = tracker._client.get_metric_history(run.run_id, "train/total")
    assert [(m.step, m.value) for m in history] == [(0, 3.0), (1, 2.0), (2, 1.0)]


def test_a_number_that_is_none_is_named_not_logged(tracker, workspace):
    run = tracker.run(workspace.cells / "nan", "cell", "cell")
    run.metrics({"val/mt/miou": float("nan"), "val/all/miou": 0.5}, 0, 0)
    data = read(tracker, run).data
    assert data.metrics == {"val/all/miou": 0.5}
    assert data.tags["hcfres.not_finite"] == "val/mt/miou"


def test_every_value_of_a_cell_is_a_parameter_and_may_be_told_twice(tracker, workspace):
    cell = small_plan(workspace).cells[-1].cell
    params = flatten(cell)
    assert params["setting.training.learning_rate"] == 1e-3
    assert params["method.fusion.within_2d"] == "attention"
    assert params["seed"] == 1999
    run = tracker.run(workspace.cells / "params", "cell", "cell")
    run.params(params)
    run.params(params)
    kept = read(tracker, run).data.params
    assert kept == {name: str(value) for name, value in params.items()}


def test_what_a_grid_is_called_may_change_and_the_run_keeps_the_first(tracker, workspace):
    folder = workspace.grids / "renamed"
    tracker.run(folder, "grid", "grid").new_params({"title": "first", "cells": 4})
    again = tracker.run(folder, "grid", "grid")
    again.new_params({"title": "second", "seeds": [1, 2]})
    assert read(tracker, again).data.params == {"title": "first", "cells": "4", "seeds": "[1, 2]"}


@pytest.mark.parametrize("left", [b"\xff", b"' OR '1'='1", b""])
def test_a_token_that_is_none_is_made_anew(tracker, tmp_path, left):
    folder = tmp_path
    (folder / TOKEN_NOTE).write_bytes(left)
    run = tracker.run(folder, "cell", "cell")
    assert run_ids(folder) == (run.run_id,)
    assert re.fullmatch("[0-9a-f]{16}", (folder / TOKEN_NOTE).read_text())


def test_files_and_folders_are_kept_with_the_run(tracker, workspace, tmp_path):
    run = tracker.run(workspace.cells / "files", "cell", "cell")
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "state").write_text("x")
    (tmp_path / "cell.json").write_text("{}")
    run.artefacts([tmp_path / "cell.json", tmp_path / "checkpoint"])
    run.text("# Table", "table.md")
    listed = {item.path for item in tracker._client.list_artifacts(run.run_id)}
    assert listed == {"cell.json", "checkpoint", "table.md"}
    with pytest.raises(OSError, match="missing"):
        run.artefacts([tmp_path / "missing"])


def test_the_charts_open_on_cells_only_by_the_metric_that_unfolds_the_grid():
    page, query = chart_link("http://127.0.0.1:5001", "7").split("?")
    assert page == "http://127.0.0.1:5001/#/experiments/7/runs"
    assert parse_qs(query) == {
        "searchFilter": ["tags.`hcfres.kind` = 'cell'"],
        "orderByKey": ["metrics.`val/all/miou`"],
        "orderByAsc": ["false"],
        "compareRunsMode": ["CHART"],
    }


def test_a_copied_workspace_does_not_write_into_the_old_place(tmp_path, monkeypatch):
    monkeypatch.delenv(TRACKING, raising=False)
    old, new = Workspace(tmp_path / "old"), tmp_path / "new"
    Tracker(old)
    shutil.copytree(old.root, new)
    with pytest.raises(StoreError, match=r"new/mlflow\.db keeps its artefacts in .*old/mlartif"):
        Tracker(Workspace(new))


@pytest.mark.parametrize(
    "damage", [lambda _: b"\0garbage" * 2000, lambda content: content[: len(content) // 2]]
)
def test_a_damaged_database_is_one_error_with_the_way_out(
    tmp_path, monkeypatch, empty_database, damage
):
    monkeypatch.delenv(TRACKING, raising=False)
    damaged = damage(empty_database.read_bytes())
    (tmp_path / "mlflow.db").write_bytes(damaged)
    with pytest.raises(StoreError) as caught:
        Tracker(Workspace(tmp_path))
    told = str(caught.value)
    assert told.startswith(f"{tmp_path}/mlflow.db is damaged (")
    assert "move it out of the workspace, with every mlflow.db-* beside it, delete" in told
    assert (tmp_path / "mlflow.db").read_bytes() == damaged


def test_damage_that_is_met_later_is_the_same_error(tmp_path, monkeypatch, empty_database):
    monkeypatch.delenv(TRACKING, raising=False)
    shutil.copy(empty_database, tmp_path)
    tracker = Tracker(Workspace(tmp_path))
    database = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(database)) as opened:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'runs'"
        ((page,),) = opened.execute(query).fetchall()
        ((size,),) = opened.execute("PRAGMA page_size").fetchall()
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"Z" * size)
    with pytest.raises(StoreError, match=r"mlflow\.db is damaged \(database disk image is malf"):
        tracker.run(tmp_path / "cells" / "cell", "cell", "cell")


@pytest.fixture
def kept(tracker, workspace, tmp_path):
    """A run, and the artefacts that it has: bytes by path."""
    run = tracker.run(workspace.cells / tmp_path.name, "shown", "cell")

    def files():
        there = tmp_path / "fetched"
        there.mkdir()
        if tracker._client.list_artifacts(run.run_id):
            tracker._client.download_artifacts(run.run_id, "", str(there))
        found = (path for path in there.rglob("*") if path.is_file())
        return {path.relative_to(there).as_posix(): path.read_bytes() for path in found}

    return run, files


LONG = "".join(f"line {number}: ü\n" for number in range(150_000)).encode()


def test_what_mlflow_shows_inline_stays_below_a_megabyte(kept, tmp_path):
    run, files = kept
    names = ("a.txt", "a.html", "a.json", "a.md", "a.png", "a.diff", "a.csv")
    for name in names:
        (tmp_path / name).write_bytes(LONG)
    (tmp_path / "weights.safetensors").write_bytes(LONG)
    run.artefacts(tmp_path / name for name in (*names, "weights.safetensors"))
    run.text(LONG.decode(), "environment.txt")
    run.text("short", "table.md")
    there = files()
    shown = {name: content for name, content in there.items() if not name.endswith(".gz")}
    big = {name for name, content in shown.items() if len(content) > LARGEST_SHOWN}
    assert big == {"weights.safetensors"}
    for name in (*names, "environment.txt"):
        assert gzip.decompress(there[f"{name}.gz"]) == LONG
    assert shown.keys() == {
        "a.txt", "a.md", "a.diff", "a.csv", "environment.txt", "table.md", "weights.safetensors",
    }  # fmt: skip
    assert b"all of it is in a.txt.gz" in shown["a.txt"]
    assert shown["a.txt"].startswith(b"line 0: \xc3\xbc\nline 1")
    shown["a.txt"].decode()


def test_a_folder_is_kept_with_the_folders_in_it(kept, tmp_path):
    run, files = kept
    (tmp_path / "checkpoint" / "deep").mkdir(parents=True)
    (tmp_path / "checkpoint" / "state").write_text("1")
    (tmp_path / "checkpoint" / "deep" / "log.txt").write_bytes(LONG)
    run.artefacts([tmp_path / "checkpoint"])
    run.artefacts([tmp_path / "checkpoint"], "elsewhere")
    assert files().keys() == {
        f"{place}/{name}"
        for place in ("checkpoint", "elsewhere")
        for name in ("state", "deep/log.txt", "deep/log.txt.gz")
    }


def test_a_link_that_leads_out_of_a_folder_is_not_followed(kept, tmp_path):
    run, files = kept
    (tmp_path / "secret").write_text("x")
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "state").symlink_to(tmp_path / "secret")
    with pytest.raises(StoreError, match="leads out of its folder"):
        run.artefacts([tmp_path / "checkpoint"])
    assert files() == {}
