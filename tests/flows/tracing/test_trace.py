"""Where a number came from, and what lies between two of them: on cells that were really made."""

import json
import os
import shutil
import sys
import time
from dataclasses import asdict, fields, replace

import pytest

from flows.cli import main
from flows.tracing.contrast import Contrast, contrast, gaps, leaves
from flows.tracing.origin import ENTRIES, ORIGIN, Origin, Part, read_entries, read_origin, recorded
from flows.tracing.provenance import provenance, short
from flows.tracing.trace import HELD_OUT, METRIC, Trace, trace
from flows.tracking.logbook import CellLog
from flows.tracking.tracker import Tracker
from hcfres.data.errors import DataError
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.workspace import Workspace
from tests.flows.fabricated import finish, small_plan
from tests.flows.real_cells import run_cells

VAL = "scene0700_00"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A grid of one row and two seeds, without a server."""
    return run_cells(tmp_path_factory.mktemp("made"), only=("vsd+mlf",), seeds=(1, 2))


@pytest.fixture
def workspace(made, tmp_path):
    """A copy for a test to spoil, its files' times kept."""
    return Workspace(shutil.copytree(made.workspace.root, tmp_path / "workspace"))


@pytest.fixture
def folder(made, workspace):
    return workspace.cells / made.cells[0].key


def test_a_cell_carries_what_made_it(made):
    cell = made.cells[0]
    origin = read_origin(cell.folder)
    assert origin.key == cell.key
    assert origin.weights == {"text": "random:0", "clip": "random:0", "sam": "random:0"}
    assert [(part.job, part.ended) for part in origin.parts] == [
        ("train", True),
        ("evaluate", True),
    ]
    for part in origin.parts:
        about = provenance()
        assert part.code == code_of_cells()
        assert (part.commit, part.packages) == (about.commit, short(about.packages))
        assert part.hardware.cores >= 1 and part.hardware.memory_gb > 0
        assert part.device == "cpu"
        assert part.spent.device_s > 0 and part.spent.wall_s > 0
        assert part.spent.memory_mb > 50
        assert part.sparse_convolution
        text = (cell.folder / f"packages-{part.packages}.txt").read_text()
        assert short(text) == part.packages
        assert "torch==" in text and text.startswith("python==")
        if part.uncommitted:
            diff = (cell.folder / f"uncommitted-{part.uncommitted}.diff").read_text()
            assert short(diff) == part.uncommitted
    total = origin.total("wall_s")
    assert total == pytest.approx(sum(part.spent.wall_s for part in origin.parts))
    assert origin.total("memory_mb") == max(part.spent.memory_mb for part in origin.parts)


def test_a_cell_lists_the_results_that_it_read(made):
    entries = read_entries(made.cells[1].folder)
    assert entries.keys() == {"superpoints", "dense", "instance", "text"}
    for stage in ("superpoints", "dense", "instance", "text"):
        assert set(entries[stage]) == {"scene0000_00", VAL}
        for scene, key in entries[stage].items():
            assert (made.workspace.store / stage / f"{scene}-{key}").is_dir()


def test_mlflow_is_told_from_the_folder(made, workspace, folder):
    cell = replace(made.cells[0], folder=folder)
    log = CellLog(cell, Tracker(workspace), None)
    log.finish()
    run = log._run.client.get_run(log._run.run_id).data
    origin = read_origin(folder)
    assert run.tags["hcfres.commit"] == origin.last.commit
    assert run.tags["hcfres.command"] == origin.last.command
    assert run.metrics["spent/wall_s"] == pytest.approx(origin.total("wall_s"))
    kept = {item.path for item in log._run.client.list_artifacts(log._run.run_id)}
    assert {ORIGIN, ENTRIES, "environment.txt"} <= kept


class Stopped(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def planned(tmp_path):
    cell = small_plan(Workspace(tmp_path)).cells[0]
    (cell.folder / "checkpoint").mkdir(parents=True)
    return cell


def work(planned, workspace, job="train", stop=False):
    try:
        with recorded(planned.cell, planned.key, job, workspace):
            if stop:
                raise Stopped
    except Stopped:
        pass
    return read_origin(planned.folder)


def test_what_was_stopped_and_gone_on_with_is_added_up(planned, tmp_path):
    workspace = Workspace(tmp_path)
    stopped = work(planned, workspace, stop=True)
    assert [part.ended for part in stopped.parts] == [False]
    work(planned, workspace)
    origin = work(planned, workspace, "evaluate")
    assert [(part.job, part.ended) for part in origin.parts] == [
        ("train", False), ("train", True), ("evaluate", True),
    ]  # fmt: skip
    assert origin.total("wall_s") == sum(part.spent.wall_s for part in origin.parts)
    assert origin.total("cpu_joules") is None or origin.total("cpu_joules") >= 0


def test_a_training_that_begins_anew_forgets_the_one_before(planned, tmp_path):
    work(planned, Workspace(tmp_path))
    (planned.folder / "checkpoint").rmdir()
    assert len(work(planned, Workspace(tmp_path)).parts) == 1


def test_parts_of_other_code_are_not_this_cells(planned, tmp_path):
    before = work(planned, Workspace(tmp_path))
    other = replace(before, parts=(replace(before.last, code="x"),))
    (planned.folder / ORIGIN).write_text(json.dumps(asdict(other)))
    assert [part.code for part in work(planned, Workspace(tmp_path)).parts] == [code_of_cells()]


def test_what_was_spent_is_written_while_the_work_goes_on(planned, tmp_path, monkeypatch):
    monkeypatch.setattr("flows.tracing.origin._SECONDS_BETWEEN_WRITES", 0.0)
    heard = []
    with recorded(planned.cell, planned.key, "train", Workspace(tmp_path)) as kept:
        tell = kept.listening(heard.append)
        first = read_origin(planned.folder).last.spent.wall_s
        tell("an epoch")
        assert heard == ["an epoch"]
        assert read_origin(planned.folder).last.spent.wall_s > first


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"parts": 1}'])
def test_a_broken_origin_is_told_by_readers_and_replaced_by_work(planned, tmp_path, text):
    (planned.folder / ORIGIN).write_text(text)
    with pytest.raises(DataError, match="not what a cell's origin looks like"):
        read_origin(planned.folder)
    assert len(work(planned, Workspace(tmp_path)).parts) == 1


def test_an_origin_of_no_work_is_a_broken_one(planned, tmp_path):
    before = work(planned, Workspace(tmp_path))
    (planned.folder / ORIGIN).write_text(json.dumps(asdict(before) | {"parts": []}))
    with pytest.raises(DataError, match="not what a cell's origin looks like"):
        read_origin(planned.folder)


@pytest.mark.parametrize("content", [b"", b"\xff", b'{"dense": {"scene0000_00": "123"}}'])
def test_broken_entries_are_told_by_readers_and_left_behind_by_work(planned, tmp_path, content):
    work(planned, Workspace(tmp_path))
    (planned.folder / ENTRIES).write_bytes(content)
    with pytest.raises(DataError, match=r"not a list of stages, scenes and keys. Without the file"):
        read_entries(planned.folder)
    assert len(work(planned, Workspace(tmp_path)).parts) == 2


def test_a_number_is_traced_to_everything_it_came_from(made, workspace, folder):
    found = trace(folder, workspace, METRIC)
    told = json.loads((folder / "results.json").read_text())
    assert found.value == told["metrics"][METRIC]
    assert (found.method, found.setting, found.seed) == ("hcf_res", "smoke", 1)
    assert found.passport.level == "point"
    assert [str(one) for one in found.grids] == ["vsd+mlf, seed 1, of table3_ablation on smoke"]
    assert found.same_code
    assert found.config["setting"]["training"]["epochs"] == 1
    assert {thing.look for thing in (*found.files, *found.weights, found.data)} == {"as then"}
    assert {"predictions.parquet", "weights.safetensors"} <= {one.name for one in found.files}
    assert all(line.read == line.whole == 2 for line in found.stages)
    assert found.recompute == f"hcfres evaluate {folder.name}"
    assert trace(folder, workspace, "box/all/f1_25").passport.level == "box"
    assert trace(folder, workspace, "cost/params_m").passport is None


def test_files_that_are_missing_or_changed_are_said_so(workspace, folder):
    with (folder / "predictions.parquet").open("ab") as file:
        file.write(b"x")
    (folder / "metrics.jsonl").unlink()
    entries = read_entries(folder)
    shutil.rmtree(workspace.store / "dense" / f"{VAL}-{entries['dense'][VAL]}")
    found = trace(folder, workspace, METRIC)
    looks = {thing.name: thing.look for thing in found.files}
    assert looks["predictions.parquet"] == "changed"
    assert looks["metrics.jsonl"] == "missing"
    assert looks["weights.safetensors"] == "as then"
    dense = next(line for line in found.stages if line.stage == "dense")
    assert (dense.read, dense.whole) == (2, 1)


def test_a_scene_is_followed_down_to_its_files(workspace, folder):
    lines = {line.name: line for line in trace(folder, workspace, METRIC, VAL).scene}
    assert {"dense", "dense_operator", "tokens", "masks", "superpoints", "text"} <= lines.keys()
    assert {line.state for line in lines.values()} == {"whole", "as then"}
    assert lines["tokens"].key in lines["dense"].inputs
    assert lines["scan"].key in lines["superpoints"].inputs
    assert lines["frames"].key in lines["masks"].inputs
    assert lines["sentences"].key in lines["text"].inputs
    paths = [path for line in lines.values() for path in line.paths]
    assert all(os.path.exists(path) for path in paths)
    assert any(path.endswith(f"{VAL}_vh_clean_2.ply") for path in paths)
    image = next(path for path in lines["frames"].paths if path.endswith(".png"))
    with open(image, "ab") as file:
        file.write(b"x")
    lines = {line.name: line for line in trace(folder, workspace, METRIC, VAL).scene}
    assert lines["frames"].state == "changed, or not read"
    assert lines["scan"].state == "as then"


def test_a_scene_that_was_not_read_or_a_metric_that_is_not_there_is_refused(workspace, folder):
    with pytest.raises(DataError, match=r"read nothing of the scene '\.\./x'.*scene0000_00"):
        trace(folder, workspace, METRIC, "../x")
    with pytest.raises(DataError, match="no metric 'val/al/miou'; did you mean `val/all/miou`"):
        trace(folder, workspace, "val/al/miou")


def test_a_cell_of_before_this_was_kept_is_traced_as_far_as_it_goes(tmp_path):
    workspace = Workspace(tmp_path)
    planned = small_plan(workspace).cells[0]
    folder = finish(planned, {METRIC: 0.5})
    (folder / "cell.json").write_text(planned.cell.model_dump_json())
    found = trace(folder, workspace, METRIC)
    assert (found.origin, found.stages, found.passport, found.grids) == (None, (), None, ())
    assert {thing.look for thing in (*found.weights, found.data)} == {"not recorded"}
    assert not found.same_code


@pytest.fixture
def told(monkeypatch, capsys, workspace):
    """Run the command as a person does; give the exit code and what it printed."""
    monkeypatch.setenv("HCFRES_HOME", str(workspace.root))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hcfres", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().out

    return run


def test_why_reads_as_sentences_and_as_closed_json(told, made):
    code, text = told("why", "vsd+mlf, seed 1", "--scene", VAL)
    assert code == 0
    for part in (METRIC, made.cells[0].key, "commit", "as then", "one scene, down to its files"):
        assert part in text
    code, text = told("why", made.cells[0].key[:8], "--json")
    document = json.loads(text)
    assert (code, document["schema"]) == (0, "hcfres.why/1")
    assert document.keys() == {field.name for field in fields(Trace)}
    assert document["origin"].keys() == {field.name for field in fields(Origin)}
    assert document["origin"]["parts"][0].keys() == {field.name for field in fields(Part)}


def test_a_row_that_several_seeds_have_must_be_said_in_full(told, made):
    code, text = told("why", "vsd+mlf")
    assert code == 2
    assert "several cells are called 'vsd+mlf'" in text
    for cell in made.cells:
        assert f"{cell.key} (vsd+mlf, seed {cell.cell.seed}, of table3_ablation on smoke)" in text
    assert told("why", "table3_ablation/vsd+mlf, seed 2")[0] == 0
    assert told("why", "../../etc")[0] == 2


def test_two_seeds_differ_in_their_seed_and_in_what_follows_from_it(made, workspace):
    one, other = (workspace.cells / cell.key for cell in made.cells)
    found = contrast(one, other, workspace)
    assert [(gap.name, gap.one, gap.other) for gap in found.config] == [("seed", 1, 2)]
    assert found.inputs == found.packages == found.machine == ()
    names = {gap.name for gap in found.metrics}
    assert "time/training_s" in names
    sizes = [abs(gap.other - gap.one) for gap in found.metrics]
    assert sizes == sorted(sizes, reverse=True)
    told = found.answers
    assert told.expressions == 12 == told.better + told.worse + told.equal


def test_a_cell_does_not_differ_from_itself(workspace, folder):
    found = contrast(folder, folder, workspace)
    assert found.config == found.inputs == found.code == found.metrics == ()
    assert found.answers.equal == 12


def test_predictions_that_cannot_be_compared_leave_the_rest(made, workspace):
    one, other = (workspace.cells / cell.key for cell in made.cells)
    (other / "predictions.parquet").unlink()
    found = contrast(one, other, workspace)
    assert found.answers is None
    assert found.answers_why_not == f"{other}: it holds no predictions"
    assert [gap.name for gap in found.config] == ["seed"]


def test_diff_reads_as_tables_and_as_closed_json(told, made):
    keys = [cell.key for cell in made.cells]
    code, text = told("diff", *keys)
    assert code == 0
    assert "seed" in text and "12 expressions of 1 scenes" in text
    code, text = told("diff", *keys, "--json")
    document = json.loads(text)
    assert (code, document["schema"]) == (0, "hcfres.diff/1")
    assert document.keys() == {field.name for field in fields(Contrast)}


def test_gaps_are_what_two_tables_do_not_share():
    one, other = {"a": {"b": 1, "c": [1]}, "d": None}, {"a": {"b": 2, "c": [1]}, "e": 3}
    assert leaves(one) == {"a.b": 1, "a.c": [1], "d": None}
    found = [(gap.name, gap.one, gap.other) for gap in gaps(leaves(one), leaves(other))]
    assert found == [("a.b", 1, 2), ("e", None, 3)]


def test_every_part_of_a_cell_counts_for_what_differs(made, workspace):
    """One was trained elsewhere and evaluated here, as a search's trials may be."""
    one, other = (workspace.cells / cell.key for cell in made.cells)
    origin = read_origin(one)
    first, last = origin.parts
    hardware = replace(first.hardware, cpu="another")
    elsewhere = replace(first, commit="c" * 40, hardware=hardware, processes=2)
    (one / ORIGIN).write_text(json.dumps(asdict(replace(origin, parts=(elsewhere, last)))))
    found = contrast(one, other, workspace)
    here = last.hardware.cpu
    assert [(gap.name, gap.one, gap.other) for gap in found.machine] == [
        ("cpu", f"another, then {here}", here),
        ("processes", "2, then 1", 1),
    ]
    assert ("commit", f"{'c' * 40}, then {last.commit}") in {
        (gap.name, gap.one) for gap in found.code
    }


def test_device_time_of_several_processes_is_that_of_all(planned, tmp_path):
    with recorded(planned.cell, planned.key, "train", Workspace(tmp_path), 4):
        began = time.process_time()
        while time.process_time() - began < 0.2:
            pass
    part = read_origin(planned.folder).last
    assert part.processes == 4
    assert part.spent.device_s >= 0.8
    assert part.spent.gpu_joules is None


def test_a_cell_that_was_only_trained_is_traced_to_its_score_on_held_out_spaces(
    made, workspace, told
):
    one, other = (workspace.cells / cell.key for cell in made.cells)
    for name in ("results.json", "DONE.json", "predictions.parquet"):
        (one / name).unlink()
    lines = [json.loads(line) for line in (one / "metrics.jsonl").read_text().splitlines()]
    lines[-1]["held_out_miou"] = 0.375
    (one / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = trace(one, workspace)
    assert (found.metric, found.value, found.recompute) == (HELD_OUT, 0.375, "")
    assert found.origin.parts and found.stages
    assert "weights.safetensors" in {thing.name for thing in found.files}
    gap = contrast(one, other, workspace)
    assert gap.answers is None and gap.answers_why_not == f"{one}: it holds no predictions"
    assert [one.name for one in gap.config] == ["seed"]
    code, text = told("why", one.name)
    assert code == 0 and "held_out/miou = 0.375" in text
