"""Hashes of scans and frames that were noted when they were read."""

import os
import shutil
from pathlib import Path

import pytest

from hcfres.data.dataset import LABEL_TABLE, Dataset
from hcfres.pipeline.seen import NotSeenError, RememberedDataset, WatchedDataset, notes_of

SCENE = "scene0000_00"


@pytest.fixture
def own(rooms: Dataset, tmp_path: Path) -> Path:
    return Path(shutil.copytree(rooms.root, tmp_path / "rooms"))


@pytest.fixture
def both(own: Path, tmp_path: Path) -> tuple[WatchedDataset, RememberedDataset]:
    notes = notes_of(own, tmp_path / "store")
    return WatchedDataset(own, notes), RememberedDataset(own, notes)


def test_what_was_read_is_remembered_as_it_is(both, rooms: Dataset) -> None:
    watched, remembered = both
    with pytest.raises(NotSeenError):
        remembered.scene_hash(SCENE)
    assert watched.scene_hash(SCENE) == rooms.scene_hash(SCENE) == remembered.scene_hash(SCENE)
    with pytest.raises(NotSeenError):
        remembered.frames_hash(SCENE, 1)
    found = watched.frames_hash(SCENE, 1)
    assert found == rooms.frames_hash(SCENE, 1) == remembered.frames_hash(SCENE, 1)
    with pytest.raises(NotSeenError):
        remembered.frames_hash(SCENE, 2)
    with pytest.raises(NotSeenError):
        remembered.scene_hash("scene0700_00")


@pytest.mark.parametrize("what", ["size", "time", "new", "gone", "labels"])
def test_a_file_that_changed_since_is_not_remembered(both, own: Path, what: str) -> None:
    watched, remembered = both
    watched.scene_hash(SCENE)
    mesh = own / "scans" / SCENE / f"{SCENE}_vh_clean_2.ply"
    other = own / "scans" / SCENE / f"{SCENE}.txt"
    {
        "size": lambda: mesh.write_bytes(mesh.read_bytes() + b" "),
        "time": lambda: os.utime(mesh, ns=(0, 0)),
        "new": (mesh.parent / "new").touch,
        "gone": other.unlink,
        "labels": (own / LABEL_TABLE).touch,
    }[what]()
    with pytest.raises(NotSeenError):
        remembered.scene_hash(SCENE)


def test_a_frame_that_changed_since_is_not_remembered(both, own: Path) -> None:
    watched, remembered = both
    watched.frames_hash(SCENE)
    image = next((own / "frames" / SCENE / "depth").iterdir())
    os.utime(image, ns=(0, 0))
    with pytest.raises(NotSeenError):
        remembered.frames_hash(SCENE)
    assert watched.frames_hash(SCENE) == remembered.frames_hash(SCENE)


def test_a_copy_of_a_workspace_with_its_times_is_remembered(
    both, own: Path, tmp_path: Path
) -> None:
    watched, _ = both
    found = watched.scene_hash(SCENE)
    there = shutil.copytree(own, tmp_path / "elsewhere" / "rooms")
    shutil.copytree(tmp_path / "store", tmp_path / "elsewhere" / "store")
    notes = notes_of(Path(there), tmp_path / "elsewhere" / "store")
    assert RememberedDataset(Path(there), notes).scene_hash(SCENE) == found


@pytest.mark.parametrize("text", ["", "[]", "null", '{"scan": "x"}', '{"scan": [1, 2, 3]}', "{"])
def test_broken_notes_remember_nothing_and_are_replaced(both, tmp_path: Path, text: str) -> None:
    watched, remembered = both
    note = tmp_path / "store" / ".seen" / "rooms" / f"{SCENE}.json"
    note.parent.mkdir(parents=True)
    note.write_text(text)
    with pytest.raises(NotSeenError):
        remembered.scene_hash(SCENE)
    assert watched.scene_hash(SCENE) == remembered.scene_hash(SCENE)
