"""The files of answers: whole, of one run, and nobody else's removed."""

import json

import numpy as np
import pytest

from hcfres.evaluation import answer_files
from hcfres.evaluation.answer_files import Answer, write_answers
from hcfres.evaluation.open_scene import open_scene
from hcfres.store.errors import StoreError
from tests.data.captures import room


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    return open_scene(room.with_cloud(room.redwood(tmp_path_factory.mktemp("scan"))))


@pytest.fixture
def write(opened, tmp_path):
    """Answer sentences with the first so many points; give the names of what then lies there."""

    def written(*sentences, points=10):
        mask = np.arange(len(opened.scene.vertices)) < points
        answers = [Answer(said, mask, False, (), 0.5) for said in sentences]
        files = write_answers(tmp_path, opened, answers)
        assert files[-2:] == (tmp_path / "masks.npz", tmp_path / "answers.json")
        return sorted(path.name for path in tmp_path.iterdir())

    return written


def test_files_of_an_earlier_run_do_not_stand_beside_newer_ones(write, tmp_path):
    write("a chair", "the bed", "no lamp")
    for name in ("01-a-chair", "02-the-bed", "03-no-lamp"):
        (tmp_path / f"{name}.png").touch()  # `hcfres predict` draws them
    assert write("the sofa") == ["01-the-sofa.ply", "answers.json", "masks.npz"]
    told = json.loads((tmp_path / "answers.json").read_text())
    assert [one["file"] for one in told["answers"]] == ["01-the-sofa.ply"]
    with np.load(tmp_path / "masks.npz") as masks:
        assert list(masks) == ["01-the-sofa"]


def test_files_that_no_run_wrote_stay(write, tmp_path):
    others = ["01-scan.ply", "02-the-bed.txt", "gate.png", "notes.md", "x.ply"]
    for name in others:
        (tmp_path / name).write_text("mine")
    write("a chair", "the bed")
    write("the sofa")
    assert all((tmp_path / name).read_text() == "mine" for name in others)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06 and no more"])
def test_masks_that_cannot_be_read_name_no_files_to_remove(write, tmp_path, content):
    (tmp_path / "masks.npz").write_bytes(content)
    (tmp_path / "02-the-bed.ply").touch()
    assert "02-the-bed.ply" in write("a chair")


def test_masks_of_somebody_else_lead_to_no_file_elsewhere(write, tmp_path):
    kept = tmp_path.parent / f"{tmp_path.name}.ply"
    kept.touch()
    arrays = {f"../{tmp_path.name}": np.ones(1), "Mine": np.ones(1), "1-x": np.ones(1)}
    np.savez(tmp_path / "masks.npz", **arrays)
    for name in ("Mine.ply", "1-x.ply"):
        (tmp_path / name).touch()
    assert {"Mine.ply", "1-x.ply"} <= set(write("a chair"))
    assert kept.exists()


@pytest.mark.parametrize("at", ["masks.npz", "01-the-sofa.ply", "answers.json"])
def test_a_write_that_breaks_off_leaves_no_summary_of_half(write, tmp_path, monkeypatch, at):
    """The summary is last, and that of the earlier run is gone: nothing is told that is not so."""
    write("a chair")

    def failing(real):
        def put(path, content):
            if path.name == at:
                raise StoreError("the disk is full")
            real(path, content)

        return put

    with monkeypatch.context() as patched, pytest.raises(StoreError, match="the disk is full"):
        for name in ("write_atomic", "write_ply"):
            patched.setattr(answer_files, name, failing(getattr(answer_files, name)))
        write("the sofa")
    assert not (tmp_path / "answers.json").exists()
    assert write("a bed") == ["01-a-bed.ply", "answers.json", "masks.npz"]
