"""A grid carried between two workspaces as one file, and files that are no such thing."""

import hashlib
import json
import os
import re
import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from safetensors.numpy import save_file

import flows.cells.finished
import hcfres.store.entry
from flows.cells.finished import read_finished
from flows.parcels.pack import Wanted, export
from flows.parcels.parcel import MANIFEST
from flows.parcels.unpack import bring_in
from flows.places import EXPERIMENTS
from flows.report import write_reports
from flows.tracking.logbook import CellLog
from flows.tracking.run_notes import is_logged
from flows.tracking.tracker import Tracker
from hcfres.config.rows import load_experiment
from hcfres.data.errors import DataError
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.entry import RECORD, VALUE, Record, kept_file, looks_whole, read_record
from hcfres.store.errors import StoreError
from hcfres.store.locks import locked
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import small_plan
from tests.flows.whole_cells import whole_cell, whole_grid

KEY = re.compile("[0-9a-f]{16}")


@pytest.fixture
def console():
    return Console(record=True, width=200)


@contextmanager
def at(folder):
    """Be a workspace while inside."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HCFRES_HOME", str(folder))
        yield Workspace()


@pytest.fixture
def here(tmp_path):
    """A workspace with a finished grid."""
    with at(tmp_path / "here") as workspace:
        whole_grid(workspace)
    return workspace


@pytest.fixture
def there(tmp_path):
    """An empty workspace on another machine."""
    return Workspace(tmp_path / "there")


def exported(workspace, console, out, wanted=Wanted()):  # noqa: B008  a value
    export("table3", out, wanted, workspace, console)
    return out


def imported(workspace, file, console):
    bring_in(file, workspace, console)


@pytest.fixture
def file(here, console, tmp_path):
    return exported(here, console, tmp_path / "grid.zip")


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "import.lock"
    }


def said(console):
    return re.sub(r"\s+", " ", console.export_text())


def test_a_grid_comes_over_whole_and_its_tables_are_the_same_bytes(here, there, file, console):
    imported(there, file, console)
    assert "4 cells came in, 0 were here already; `hcfres report --setting smoke`" in said(console)
    tables = []
    for workspace in (here, there):
        with at(workspace.root):
            write_reports(console, "smoke")
        tables.append(files(workspace.root / "reports"))
    assert tables[0] == tables[1]
    assert "ours, smoke" in tables[0]["smoke/table3.md"].decode()
    plan = small_plan(there, code=code_of_cells())
    assert {cell.state for cell in plan.cells} == {"done"}
    assert plan.folder.name in {path.name for path in there.grids.iterdir()}


def test_the_files_the_grid_was_asked_for_with_come_along(there, file, console):
    imported(there, file, console)
    (grid,) = there.grids.iterdir()
    names = sorted(str(p.relative_to(grid)) for p in grid.rglob("*") if p.is_file())
    assert names == [
        "experiments/methods/hcf_res.toml",
        "experiments/settings/smoke.toml",
        "experiments/table3_ablation.toml",
        "plan.json",
    ]


def test_a_grid_that_came_over_can_be_passed_on_as_the_same_file(there, file, console, tmp_path):
    imported(there, file, console)
    again = exported(there, console, tmp_path / "again.zip")
    assert again.read_bytes() == file.read_bytes()


def test_what_is_of_one_machine_only_stays_there(here, console, tmp_path):
    cell = next(here.cells.iterdir())
    for name in ("mlflow.json", "mlflow.token", "LOGGED", "worker.log", ".hidden"):
        (cell / name).write_text("{}")
    (cell / "link").symlink_to("/etc/passwd")
    bare = exported(here, console, tmp_path / "bare.zip")
    full = exported(here, console, tmp_path / "full.zip", Wanted(checkpoints=True))
    with zipfile.ZipFile(bare) as one, zipfile.ZipFile(full) as other:
        names = {name.split("/")[-1] for name in one.namelist()}
        more = set(other.namelist()) - set(one.namelist())
        assert {member.compress_type for member in other.infolist()} == {zipfile.ZIP_STORED}
    assert not names & {"mlflow.json", "mlflow.token", "LOGGED", "worker.log", ".hidden", "link"}
    assert {name.split("/", 2)[2] for name in more} == {"checkpoint/state.safetensors"}
    assert len(more) == 4


def test_cells_that_are_not_finished_stay_and_are_counted(here, there, console, tmp_path):
    (next(here.cells.iterdir()) / "DONE.json").unlink()
    file = exported(here, console, tmp_path / "grid.zip")
    assert "3 cells of table3_ablation-smoke-" in said(console)
    imported(there, file, console)
    assert len(list(there.cells.iterdir())) == 3


def test_a_grid_without_a_finished_cell_or_of_no_name_is_no_file(here, console, tmp_path):
    for cell in here.cells.iterdir():
        (cell / "DONE.json").unlink()
    with pytest.raises(DataError, match="none of its cells is finished"):
        exported(here, console, tmp_path / "grid.zip")
    with pytest.raises(DataError, match="no grid begins with 'table9'"):
        export("table9", tmp_path / "grid.zip", Wanted(), here, console)
    assert not (tmp_path / "grid.zip").exists()


def test_a_cell_that_was_changed_since_is_not_exported(here, console, tmp_path):
    cell = next(here.cells.iterdir())
    predictions = (cell / "predictions.parquet").read_bytes()
    (cell / "predictions.parquet").write_bytes(predictions[::-1])
    os.utime(cell / "predictions.parquet", (0, 0))  # as a disk changes it, which leaves no time
    with pytest.raises(DataError, match=r"predictions\.parquet has changed since the cell was fin"):
        exported(here, console, tmp_path / "grid.zip")
    assert list(tmp_path.glob("*grid.zip*")) == []


def test_what_is_here_already_is_kept_as_it_is(there, file, console):
    imported(there, file, console)
    before = files(there.root)
    times = {path: path.stat().st_mtime_ns for path in there.cells.rglob("*")}
    imported(there, file, console)
    assert "0 cells came in, 4 were here already" in said(console)
    assert files(there.root) == before
    assert {path: path.stat().st_mtime_ns for path in there.cells.rglob("*")} == times


ENTRY = "superpoints/room-0123456789abcdef"


def keep_superpoints(workspace, **changed):
    """A result of a stage, which every cell has read."""
    folder = workspace.store / ENTRY
    folder.mkdir(parents=True)
    save_file({"of_vertex": np.arange(7)}, folder / VALUE)
    kept = replace(kept_file(folder / VALUE), **changed)
    told = Record(
        "superpoints", 1, "0123456789abcdef", "room", None, (), {}, "c", (), "now", 1.0, (kept,)
    )
    (folder / RECORD).write_text(told.told())
    for cell in workspace.cells.iterdir():
        entries = {"superpoints": {"room": "0123456789abcdef"}}
        (cell / "entries.json").write_text(json.dumps(entries))


def asked(workspace, monkeypatch):
    """The names of the files that are read whole where a command looks at cells and results."""
    read = []

    def fresh_hash(path, real=flows.cells.finished.fresh_hash):
        read.append(path.name)
        return real(path)

    with monkeypatch.context() as patch:
        for module in (flows.cells.finished, hcfres.store.entry):
            patch.setattr(module, "fresh_hash", fresh_hash)
        assert all(read_finished(cell) is not None for cell in workspace.cells.iterdir())
        entry = workspace.store / ENTRY
        assert looks_whole(entry, read_record(entry))
    return sorted(read)


def test_what_came_over_is_read_again_no_more_than_where_it_was_made(
    here, there, console, tmp_path, monkeypatch
):
    keep_superpoints(here)
    wanted = Wanted(checkpoints=True, stages=True)
    imported(there, exported(here, console, tmp_path / "grid.zip", wanted), console)
    assert asked(here, monkeypatch) == ["results.json"] * 4
    assert asked(there, monkeypatch) == asked(here, monkeypatch)


def test_a_cell_that_was_changed_after_it_came_over_is_not_finished(there, file, console):
    imported(there, file, console)
    cell = next(there.cells.iterdir())
    weights = (cell / "weights.safetensors").read_bytes()
    (cell / "weights.safetensors").write_bytes(weights[::-1])
    os.utime(cell / "weights.safetensors")
    assert read_finished(cell) is None


@pytest.mark.parametrize("time", [-1, 1 << 63])
def test_a_result_of_no_time_is_refused(here, there, console, tmp_path, time):
    keep_superpoints(here, mtime_ns=time)
    file = exported(here, console, tmp_path / "grid.zip", Wanted(stages=True))
    with pytest.raises(DataError, match="says of its files that they were written at no time"):
        imported(there, file, console)
    assert files(there.root) == {}


@pytest.mark.parametrize("locks", [(), ("training.lock", "mlflow.lock")])
def test_an_empty_folder_or_one_of_left_locks_is_no_cell(there, file, console, locks):
    key = small_plan(there, code=code_of_cells()).cells[0].key
    (there.cells / key).mkdir(parents=True)
    for name in locks:
        (there.cells / key / name).touch()
    imported(there, file, console)
    assert "4 cells came in, 0 were here already" in said(console)
    assert not list((there.cells / key).glob("*.lock"))


def test_a_cell_that_a_launcher_holds_is_left_alone(there, file, console):
    key = small_plan(there, code=code_of_cells()).cells[0].key
    with (
        locked(there.cells / key / "training.lock"),
        pytest.raises(DataError, match=f"cells/{key} is begun here and not finished"),
    ):
        imported(there, file, console)


@pytest.fixture
def other_disk(tmp_path):
    """A folder on another disk than the tests' own."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is only one disk here")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def linked(workspace, other_disk):
    """Let cells and results of stages lie on another disk."""
    for name in ("cells", "store"):
        (other_disk / name).mkdir()
        (workspace.root / name).symlink_to(other_disk / name)


def test_cells_and_results_may_lie_on_another_disk(
    here, there, console, tmp_path, other_disk, monkeypatch
):
    keep_superpoints(here)
    file = exported(here, console, tmp_path / "grid.zip", Wanted(stages=True))
    there.root.mkdir()
    linked(there, other_disk)
    dead = other_disk / "cells" / ".importing.dead" / "0123456789abcdef"
    dead.mkdir(parents=True)
    imported(there, file, console)
    again = exported(there, console, tmp_path / "again.zip", Wanted(stages=True))
    assert again.read_bytes() == file.read_bytes()
    assert asked(there, monkeypatch) == asked(here, monkeypatch)
    assert list(other_disk.rglob(".importing*")) == []


def test_a_move_to_another_disk_that_fails_is_undone(there, file, console, other_disk):
    there.root.mkdir()
    linked(there, other_disk)
    (there.root / "grids").write_text("a file where a folder belongs")
    with pytest.raises(StoreError, match="could not be written"):
        imported(there, file, console)
    assert sorted(path.name for path in other_disk.rglob("*")) == ["cells", "store"]


def test_a_cell_of_the_same_key_and_other_content_is_refused_with_both_hashes(
    here, there, file, console
):
    with at(there.root):
        planned = small_plan(there, code=code_of_cells()).cells[0]
        whole_cell(planned, there, 0.7)
    before = files(there.root)
    with pytest.raises(DataError) as caught:
        imported(there, file, console)
    told = str(caught.value)
    for name in ("weights.safetensors", "results.json"):
        found = rf"cells/{planned.key}/{name} is another one here: sha256 (\w+), in the file (\w+)"
        ours, theirs = re.search(found, told).groups()
        assert len(ours) == len(theirs) == 64
    assert "nothing was changed here" in told
    assert files(there.root) == before


def test_a_grid_of_the_same_name_and_other_rows_is_refused(there, file, console):
    imported(there, file, console)
    (grid,) = there.grids.iterdir()
    told = json.loads((grid / "plan.json").read_text())
    told["cells"][0]["row"] = "mlf"
    (grid / "plan.json").write_text(json.dumps(told))
    with pytest.raises(DataError, match="is another grid here: its cells have other rows"):
        imported(there, file, console)


def test_a_grid_carries_the_files_it_was_asked_for_with_not_the_shipped_ones(
    there, console, tmp_path
):
    """A second table of a shipped one's name, with another title."""
    copy = tmp_path / "own" / "table3_ablation.toml"
    shutil.copytree(EXPERIMENTS, copy.parent)
    copy.write_text(re.sub(r'(?m)^title *= ".*"$', 'title = "Mine"', copy.read_text(), count=1))
    with at(tmp_path / "here") as workspace:
        whole_grid(workspace, experiment=load_experiment(copy))
        shutil.rmtree(copy.parent)
        file = exported(workspace, console, tmp_path / "own.zip")
    imported(there, file, console)
    (kept,) = there.grids.glob("*/experiments/table3_ablation.toml")
    assert 'title = "Mine"' in kept.read_text()


def test_a_cell_that_is_being_trained_here_is_left_alone(there, file, console):
    key = small_plan(there, code=code_of_cells()).cells[0].key
    (there.cells / key / "checkpoint").mkdir(parents=True)
    with pytest.raises(DataError, match=f"cells/{key} is begun here and not finished"):
        imported(there, file, console)
    assert files(there.root) == {}


def test_a_move_that_fails_half_way_is_undone(there, file, console):
    there.root.mkdir()
    (there.root / "grids").write_text("a file where a folder belongs")
    before = files(there.root)
    with pytest.raises(StoreError, match="could not be written"):
        imported(there, file, console)
    (there.root / "workspace.toml").unlink()
    assert files(there.root) == before
    assert list(there.root.glob("cells/*")) == []


def test_what_an_import_that_was_killed_left_is_removed(there, file, console):
    (there.root / ".importing.dead" / "cells").mkdir(parents=True)
    imported(there, file, console)
    assert list(there.root.glob(".importing*")) == []


def test_cells_that_came_over_are_logged_without_the_state_of_their_training(there, file, console):
    imported(there, file, console)
    cell = small_plan(there, code=code_of_cells()).cells[0]
    tracker = Tracker(there)
    CellLog(cell, tracker, None).finish()
    assert is_logged(cell.folder, tracker.store)


def rewritten(file, change, compress=zipfile.ZIP_STORED, fresh=True):
    """The file with its members changed; `fresh`: the manifest's hashes are those of the change."""
    with zipfile.ZipFile(file) as old:
        members = {name: old.read(name) for name in old.namelist()}
    change(members)
    if fresh and MANIFEST in members:
        manifest = json.loads(members[MANIFEST])
        manifest["files"] = {
            name: hashlib.sha256(content).hexdigest()
            for name, content in members.items()
            if name != MANIFEST
        }
        members[MANIFEST] = json.dumps(manifest).encode()
    with zipfile.ZipFile(file, "w", compress) as new:
        for name, content in members.items():
            new.writestr(name, content)


def of_cell(members, name):
    return next(member for member in sorted(members) if member.endswith(f"/{name}"))


def edit(name, change):
    """Change the JSON of one cell's file, and let DONE.json agree."""

    def apply(members):
        path = of_cell(members, name)
        told = json.loads(members[path])
        change(told)
        members[path] = json.dumps(told).encode()
        if name != "DONE.json":
            place = path.replace(name, "DONE.json")
            done = json.loads(members[place])
            done["files"][name] = len(members[path])
            done["hashes"][name] = hashlib.sha256(members[path]).hexdigest()
            members[place] = json.dumps(done).encode()

    return apply


def pop(name):
    return lambda members: members.pop(of_cell(members, name))


def beside_done(name, content):
    """Add a file to a cell's folder that DONE.json says nothing of."""
    return lambda members: members.update({of_cell(members, "DONE.json")[:-9] + name: content})


def edit_plan(change):
    """Change plan.json, which no hash but the manifest's holds."""

    def apply(members):
        path = of_cell(members, "plan.json")
        told = json.loads(members[path])
        change(told)
        members[path] = json.dumps(told).encode()

    return apply


NO_PLAN = b'{"experiment": "x", "setting": "smoke", "cells": []}'
_ENTRIES = "does not say what it is: not a list of stages, scenes and keys"
HOSTILE = {
    "climbing": (lambda m: m.update({"../evil": b"x"}), "leads out of its folder"),
    "absolute": (lambda m: m.update({"/tmp/evil": b"x"}), "is absolute"),
    "elsewhere": (lambda m: m.update({"data/evil": b"x"}), "data/evil has no place here"),
    "code": (lambda m: m.update({"cells/0/evil.py": b"x"}), "has no place here"),
    "another grid": (lambda m: m.update({"grids/x/plan.json": b"x"}), "has no place here"),
    "a note": (beside_done("LOGGED", b""), "no place here"),
    "a token": (beside_done("mlflow.token", b"'"), "no place here"),
    "climbing stage": (beside_done("entries.json", b'{"..": {"a": "0123456789abcdef"}}'), _ENTRIES),
    "climbing scene": (
        beside_done("entries.json", b'{"masks": {"../a": "0123456789abcdef"}}'),
        _ENTRIES,
    ),
    "climbing key": (beside_done("entries.json", b'{"masks": {"a": "/../../../b"}}'), _ENTRIES),
    "no manifest": (lambda m: m.pop(MANIFEST), "this is no export of a grid"),
    "no plan": (pop("plan.json"), "there is no such file"),
    "half a cell": (pop("weights.safetensors"), "is no whole, finished cell"),
    "no cell": (pop("DONE.json"), "is no whole, finished cell"),
    "key": (edit("DONE.json", lambda d: d.update(key="0" * 16)), "says that it is 00000000"),
    "seed": (edit("cell.json", lambda d: d.update(seed=7)), "it was changed, or made by"),
    "inputs": (edit("results.json", lambda d: d.update(inputs=["x"])), "has the configuration of"),
    "method": (edit("cell.json", lambda d: d.pop("method")), "does not say what it is: "),
    "numbers": (edit("results.json", lambda d: d.update(metrics="x")), "without readable results"),
    "other": (edit("results.json", lambda d: d.update(key="0" * 16)), "holds the results of 0000"),
    "row": (
        edit_plan(lambda p: [cell.update(row="vsd+mlf") for cell in p["cells"]]),
        "is not of the row 'vsd+mlf' of table3_ablation",
    ),
    "another seed": (
        edit_plan(lambda p: [cell.update(seed=7) for cell in p["cells"]]),
        "is not of seed 7, as the plan says",
    ),
    "another table": (
        edit_plan(lambda p: p.update(experiment="table2_multi3drefer")),
        "is not of table2_multi3drefer on smoke, as it says",
    ),
    "plan": (lambda m: m.update({of_cell(m, "plan.json"): NO_PLAN}), "is not in the plan"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_not_what_it_says_is_refused_and_nothing_is_left(there, file, console, name):
    change, reason = HOSTILE[name]
    rewritten(file, change)
    with pytest.raises(DataError, match=re.escape(reason)):
        imported(there, file, console)
    assert files(there.root) == {}
    assert list(there.root.glob("*/")) == []


def test_members_that_differ_from_the_manifest_are_named(there, file, console):
    def change(members):
        members[of_cell(members, "weights.safetensors")] += b"!"
        members["cells/" + "0" * 16 + "/DONE.json"] = b"{}"

    rewritten(file, change, fresh=False)
    with pytest.raises(DataError, match=r"0000/DONE\.json is not in the manifest"):
        imported(there, file, console)
    assert files(there.root) == {}


def test_a_changed_byte_is_named_with_both_hashes(there, file, console):
    def change(members):
        path = of_cell(members, "weights.safetensors")
        members[path] = members[path][:-1] + bytes([members[path][-1] ^ 1])

    rewritten(file, change, fresh=False)
    with pytest.raises(DataError, match=r"safetensors has the sha256 \w{64}, and the man.* \w{64}"):
        imported(there, file, console)


def test_a_packed_bomb_is_refused_before_it_is_unpacked(there, file, console):
    rewritten(
        file,
        lambda m: m.update({of_cell(m, "weights.safetensors"): bytes(50 << 20)}),
        zipfile.ZIP_DEFLATED,
    )
    assert file.stat().st_size < 1 << 20
    with pytest.raises(DataError, match="unpacks to far more than it is"):
        imported(there, file, console)


def test_a_link_in_the_file_is_refused(there, file, console):
    with zipfile.ZipFile(file, "a") as zipped:
        link = zipfile.ZipInfo("cells/0123456789abcdef/cell.json")
        link.external_attr = 0o120777 << 16
        zipped.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="is a link or a device"):
        imported(there, file, console)


def test_no_file_and_no_archive_are_one_error_each(there, console, tmp_path):
    (tmp_path / "text.zip").write_text("no archive")
    for name in ("missing.zip", "text.zip"):
        with pytest.raises(DataError, match=name):
            imported(there, tmp_path / name, console)
    assert not there.root.exists()
