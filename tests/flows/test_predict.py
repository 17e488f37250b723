"""Questions about a scan that this project did not make."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from flows.predict import answer
from hcfres.data.errors import DataError
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
    files = (scan, scan / "test_scene" / "trajectory.log", scan / "fragments" / cloud)
    answers = answer(*files, SENTENCES, None, key, out, console)
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
    told = json.loads((out / "answers.json").read_text())
    assert [one["sentence"] for one in told["answers"]] == list(SENTENCES)


def test_a_cloud_in_another_frame_is_refused(workspace, cell, samples, tmp_path):
    scan, out = samples / "open3d_livingroom1", tmp_path / "answers"
    with pytest.raises(DataError, match=r"of the depth of .* 50% are needed"):
        ask(scan, "fragment_002.ply", cell.key, out)
    assert not out.exists()
