"""Questions about a scan that this project did not make."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from flows.cli import app
from flows.predict import answer, scan_of
from hcfres.data.errors import DataError
from hcfres.data.own_scan import ScanFiles, ScanFolder
from hcfres.data.ply import read_ply
from hcfres.store.workspace import Workspace
from hcfres.training.cell import WEIGHTS, Widths, make_network
from hcfres.training.checkpoint import save_weights
from tests.flows.fabricated import finish, small_plan

SENTENCES = ("the white chair", "all the pillows")
TINY = Widths(dense=128, text=128)
"""Of the tiny CLIP's tokens and the tiny RoBERTa's."""


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))
    return Workspace()


@pytest.fixture
def cell(workspace):
    """The whole method on the setting `smoke`, as it is before its first step."""
    planned = small_plan(workspace).cells[-1]
    folder = finish(planned, {})
    about = {"cell": planned.cell.model_dump(mode="json"), **vars(TINY)}
    save_weights(folder / WEIGHTS, make_network(planned.cell, TINY, workspace.weights), about)
    return planned


def ask(scan, cloud, key, out):
    console = Console(width=200, record=True, file=io.StringIO())
    trajectory = scan / "test_scene" / "trajectory.log"
    parts = scan_of(None, scan, trajectory, cloud=scan / "fragments" / cloud)
    answers = answer(parts, SENTENCES, key, out, console)
    return answers, console.export_text()


def test_without_a_trained_cell_the_way_out_is_named(workspace, tmp_path):
    with pytest.raises(DataError, match=r"no finished cell of hcf_res .* `make paper` makes one"):
        ask(tmp_path, "cloud.ply", None, tmp_path / "answers")


@pytest.mark.slow
def test_a_foreign_scan_is_answered_with_clouds_masks_and_pictures(
    workspace, cell, samples, tmp_path
):
    scan, out = samples / "open3d_livingroom1", tmp_path / "answers"
    answers, said = ask(scan, "slac_fragment_000.ply", cell.key[:8], out)
    assert [one.sentence for one in answers] == list(SENTENCES)
    points = len(read_ply(scan / "fragments" / "slac_fragment_000.ply").vertices)
    assert "Up in the cloud's own frame: (" in said
    assert "of the depth of" in said
    assert "22 frames are used" in said
    masks = np.load(out / "masks.npz")
    for name, one in zip(("01-the-white-chair", "02-all-the-pillows"), answers, strict=True):
        assert f"{name}.{{ply,png}}" in said.replace("\n", "")
        assert (masks[name] == one.mask).all()
        assert masks[name].shape == (points,)
        assert len(read_ply(out / f"{name}.ply").vertices) == points
        assert Image.open(out / f"{name}.png").size[0] > 800
    assert f"The gate: {out / 'gate'}.{{png,ply,parquet}}" in said.replace("\n", "")
    assert len(read_ply(out / "gate.ply").vertices) == points
    assert Image.open(out / "gate.png").size[0] > 800
    told = json.loads((out / "answers.json").read_text())
    assert [one["sentence"] for one in told["answers"]] == list(SENTENCES)


@pytest.mark.slow
def test_a_recording_without_a_cloud_is_answered(workspace, cell, samples, tmp_path):
    """ScanNet's own format, nothing given but the file; the smoke setting's radius is 8 cm."""
    console = Console(width=200, record=True, file=io.StringIO())
    scan = scan_of(samples / "sens_golden" / "open3d_rgbd_5frames.sens", None, None, voxel=0.06)
    (one,) = answer(scan, SENTENCES[:1], cell.key, tmp_path / "answers", console)
    said = console.export_text()
    assert "Layout: .sens recording" in said
    assert "points are fused from 4 of 4 frames in voxels of 6 cm" in said
    assert "Warning: The method was trained with a radius of 8.0 cm" in said
    assert len(read_ply(tmp_path / "answers" / "01-the-white-chair.ply").vertices) == len(one.mask)


def test_a_scan_is_named_by_its_folder_or_by_its_parts(tmp_path):
    recording = scan_of(tmp_path, None, None, cloud_frame=200, voxel=0.05)
    assert recording == ScanFolder(tmp_path, cloud_frame=200, voxel_m=0.05)
    poses, cloud = tmp_path / "poses.log", tmp_path / "cloud.ply"
    parts = scan_of(None, tmp_path, poses, cloud=cloud, depth_unit=0.0002)
    assert parts == ScanFiles(cloud, tmp_path, poses, depth_unit_m=0.0002)
    assert scan_of(None, tmp_path, poses) == ScanFiles(None, tmp_path, poses)


WRONG = {
    "nothing": ((None, None, None), {}),
    "both": (("a", "a", "b"), {}),
    "half": ((None, "a", None), {}),
    "a layout of parts": ((None, "a", "b"), {"layout": "tum"}),
}


@pytest.mark.parametrize(("names", "more"), WRONG.values(), ids=WRONG)
def test_a_scan_named_otherwise_is_refused(names, more):
    paths = [Path(name) if name else None for name in names]
    with pytest.raises(DataError, match="named by its folder, or by --frames and --poses"):
        scan_of(*paths, **more)


@pytest.mark.parametrize("size", ["depth_unit", "voxel"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_sizes_are_positive(size, value, tmp_path):
    with pytest.raises(DataError, match=r"Give metres, more than 0"):
        scan_of(tmp_path, None, None, **{size: value})


def test_the_command_takes_a_recording(workspace, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("flows.predict.answer", lambda *given, **_: asked.append(given))
    words = ["predict", str(tmp_path), "--say", "a", "--cloud-frame", "200", "--say", "b"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert asked[0][:2] == (ScanFolder(tmp_path, cloud_frame=200), ("a", "b"))
    words = ["predict", "--frames", "f", "--poses", "p", "--cloud", "c", "--say", "a"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert asked[1][0] == ScanFiles(Path("c"), Path("f"), Path("p"))


def test_a_cloud_in_another_frame_is_refused(workspace, cell, samples, tmp_path):
    scan, out = samples / "open3d_livingroom1", tmp_path / "answers"
    with pytest.raises(DataError, match=r"of the depth of .* 50% are needed"):
        ask(scan, "fragment_002.ply", cell.key, out)
    assert not out.exists()
