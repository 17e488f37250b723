"""A dataset of rooms is read back by the code that reads ScanNet."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hcfres.config.setting import RoomsConfig
from hcfres.data.dataset import Dataset
from hcfres.data.frames import read_matrix
from hcfres.data.rooms import build
from hcfres.data.rooms.build import (
    are_sentences_made,
    is_made,
    make_room_files,
    make_rooms,
    room_flaws,
    room_seeds,
)
from hcfres.data.rooms.layout import make_room, stream
from hcfres.data.rooms.mesh import labels_of
from hcfres.data.rooms.pose import room_to_world
from hcfres.data.rooms.render import Stage
from hcfres.data.rooms.writer import LOST_SHARE, as_frame, label_table
from hcfres.geometry.camera import unproject
from tests.data.rooms.contents import contents


def test_every_scene_reads_back_as_the_room_it_was_made_from(rooms_folder: Path):
    dataset = Dataset(rooms_folder)
    assert dataset.scene_ids("train") == ("scene0000_00", "scene0001_00")
    assert dataset.scene_ids("val") == ("scene0700_00",)
    for name in (*dataset.scene_ids("train"), *dataset.scene_ids("val")):
        room, scene = make_room(int(name[5:9]), name), dataset.scene(name)
        assert tuple(item.label for item in scene.objects) == labels_of(room)
        assert [item.object_id for item in scene.objects] == list(range(len(scene.objects)))
        assert np.bincount(scene.instances).min() >= 24
        nyu40 = np.array([item.nyu40 for item in scene.objects])
        np.testing.assert_array_equal(scene.semantics, nyu40[scene.instances])


def test_axis_alignment_brings_the_world_back_to_the_room(rooms_folder: Path):
    dataset = Dataset(rooms_folder)
    room, scene = make_room(1, "scene0001_00"), dataset.scene("scene0001_00")
    align = dataset.scan_info("scene0001_00").axis_alignment
    points = scene.vertices.astype(np.float64) @ align[:3, :3].T + align[:3, 3]
    for item in room.furniture:
        own = points[scene.instances == item.object_id]
        low = np.array(item.centre) - np.array(item.extent) / 2
        assert (own > low - 0.04).all()
        assert (own < low + np.array(item.extent) + 0.04).all()
    text = (rooms_folder / "scans/scene0001_00/scene0001_00.txt").read_text()
    assert text.startswith("axisAlignment = ")
    assert text.splitlines()[0].endswith(" ")
    assert abs(room_to_world(room)[0, 1]) > 1e-3


def test_depth_lands_on_the_mesh_in_the_world(rooms_folder: Path):
    dataset = Dataset(rooms_folder)
    scene = dataset.scene("scene0000_00")
    for index in dataset.frame_indices("scene0000_00"):
        frame = dataset.frame("scene0000_00", index)
        points = unproject(frame.depth, frame.intrinsics, frame.camera_to_world)
        points = points[np.isfinite(points).all(axis=2)][::97]
        nearest = np.linalg.norm(points[:, None] - scene.vertices[None], axis=2).min(axis=1)
        assert np.median(nearest) < 0.06
        assert np.percentile(nearest, 90) < 0.2


def test_every_segment_belongs_to_one_object_and_is_named_by_a_vertex_of_its_own(
    rooms_folder: Path,
):
    scene = Dataset(rooms_folder).scene("scene0001_00")
    assert scene.segments is not None
    np.testing.assert_array_equal(scene.segments[scene.segments], scene.segments)
    np.testing.assert_array_equal(scene.instances[scene.segments], scene.instances)
    assert 60 < len(np.unique(scene.segments)) < 600


def test_frames_are_numbered_with_gaps_and_sized_differently(rooms_folder: Path):
    folder = rooms_folder / "frames" / "scene0000_00"
    assert sorted(int(p.stem) for p in (folder / "color").iterdir()) == [0, 10, 20, 30]
    colour, depth = Image.open(folder / "color/10.jpg"), Image.open(folder / "depth/10.png")
    assert (colour.size, depth.size) == ((320, 240), (160, 120))
    assert depth.mode == "I;16"
    k_colour = read_matrix(folder / "intrinsic/intrinsic_color.txt")
    k_depth = read_matrix(folder / "intrinsic/intrinsic_depth.txt")
    assert k_colour[0, 0] == pytest.approx(2 * k_depth[0, 0], abs=1e-5)


def test_a_lost_frame_has_an_invalid_pose(stage: Stage, shots: tuple):
    assert (as_frame(stage.room, shots[0], lost=True).camera_to_world == -np.inf).all()
    assert np.isfinite(as_frame(stage.room, shots[0], lost=False).camera_to_world).all()


def test_some_frames_of_the_default_rooms_are_lost_and_the_reader_leaves_them_out(tmp_path: Path):
    shares = [np.mean(stream(seed, "lost").random(10) < LOST_SHARE) for seed in range(400)]
    assert 0.02 < np.mean(shares) < 0.04
    seed = next(s for s in range(400) if (stream(s, "lost").random(3)[1:] < LOST_SHARE).any())
    make_room_files(seed, tmp_path, 3)
    build.write_label_table(tmp_path / build.LABEL_TABLE)
    listing = Dataset(tmp_path).frame_listing(build.scene_id(seed))
    assert listing.invalid
    assert len(listing.usable) + len(listing.invalid) == 3


def test_expressions_name_objects_that_exist(rooms_folder: Path):
    dataset = Dataset(rooms_folder)
    assert len(dataset.expressions("multi3drefer", "train")) >= 10
    assert len(dataset.expressions("multi3drefer", "val")) >= 8
    assert dataset.expressions("scanrefer", "val")
    entries = json.loads((rooms_folder / "ScanRefer_filtered_val.json").read_text())
    assert isinstance(entries[0]["object_id"], str)


def test_the_same_configuration_gives_the_same_bytes(
    rooms_folder: Path, config: RoomsConfig, tmp_path: Path
):
    assert make_rooms(config, tmp_path, lambda done, total, name: None) == 3
    assert contents(tmp_path) == contents(rooms_folder)


def test_what_is_there_is_not_made_again(rooms_folder: Path, config: RoomsConfig):
    told: list[tuple[int, int, str]] = []
    made = make_rooms(config, rooms_folder, lambda *progress: told.append(progress))
    assert made == 0
    assert told[-1] == (3, 3, "scene0700_00")


def test_an_interrupted_room_is_never_taken_for_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("hcfres.data.rooms.writer.write_frames", broken)
        with pytest.raises(OSError, match="no space"):
            make_room_files(2, tmp_path, 2)
    assert not is_made(2, tmp_path, 2)
    assert not (tmp_path / "scans").exists()
    assert make_room_files(2, tmp_path, 2)
    assert is_made(2, tmp_path, 2)
    assert not list((tmp_path / "made").glob("*.partial"))


DEPTH = "frames/scene0001_00/depth/10.png"
SENTENCES = "multi3drefer_train.json"


def gone(path: Path) -> None:
    path.unlink()


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def overwritten(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def doubled(path: Path) -> None:
    shutil.copy(path, path.with_name("15.png"))


def without_its_folder(path: Path) -> None:
    shutil.rmtree(path.parents[1])


@pytest.mark.parametrize(
    "damage",
    [
        overwritten,
        doubled,
        *(
            pytest.param(one, marks=pytest.mark.slow)
            for one in (gone, shortened, without_its_folder)
        ),
    ],
)
def test_a_damaged_room_is_made_again_as_it_was(
    damage: Callable[[Path], None], copied: Path, rooms_folder: Path
):
    assert is_made(1, copied, 4)
    damage(copied / DEPTH)
    assert not is_made(1, copied, 4)
    assert is_made(0, copied, 4)
    assert make_room_files(1, copied, 4)
    assert contents(copied) == contents(rooms_folder)


@pytest.mark.parametrize("damage", [gone, shortened, overwritten])
def test_damaged_sentences_are_written_again_as_they_were(
    damage: Callable[[Path], None], config: RoomsConfig, copied: Path, rooms_folder: Path
):
    assert are_sentences_made(config, copied)
    damage(copied / SENTENCES)
    assert not are_sentences_made(config, copied)
    assert make_rooms(config, copied, lambda *_: None) == 0
    assert contents(copied) == contents(rooms_folder)


def test_interrupted_sentences_are_never_taken_for_whole_ones(
    config: RoomsConfig, copied: Path, rooms_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise OSError("no space left")

    (copied / "multi3drefer_val.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(build, "write_scanrefer", broken)
        with pytest.raises(OSError, match="no space"):
            build.write_sentences(config, copied)
    assert not are_sentences_made(config, copied)
    make_rooms(config, copied, lambda *_: None)
    assert contents(copied) == contents(rooms_folder)


def test_sentences_of_other_rooms_do_not_count(config: RoomsConfig, copied: Path):
    more = config.model_copy(update={"train_expressions_per_room": 7})
    assert not are_sentences_made(more, copied)


def test_a_change_with_the_old_size_and_time_is_found_by_the_hashes(copied: Path):
    path = copied / DEPTH
    before = path.stat().st_mtime_ns
    overwritten(path)
    os.utime(path, ns=(before, before))
    assert room_flaws(1, copied, 4) == {}
    assert room_flaws(1, copied, 4, hashes=True) == {DEPTH: "the content was changed"}


def test_a_room_that_was_only_copied_is_whole(copied: Path, tmp_path: Path):
    for path in copied.rglob("*.png"):
        path.touch()
    assert is_made(1, copied, 4)


@pytest.mark.parametrize("said", ["", "[]", "{}", '{"rooms_version": 1, "seed": 1, "frames": 4}'])
def test_a_marker_without_the_files_does_not_count(copied: Path, said: str):
    (copied / "made/scene0001_00.json").write_text(said)
    assert room_flaws(1, copied, 4) is None


def test_another_number_of_frames_is_another_room(tmp_path: Path):
    assert make_room_files(3, tmp_path, 2)
    assert not is_made(3, tmp_path, 1)
    assert make_room_files(3, tmp_path, 1)
    assert len(list((tmp_path / "frames/scene0003_00/color").iterdir())) == 1


def test_more_rooms_than_seeds_are_refused(config: RoomsConfig):
    config = RoomsConfig(**{**config.model_dump(), "val_rooms": 301})
    with pytest.raises(ValueError, match="val_rooms is 301, but there are only 300 val seeds"):
        room_seeds(config)


def test_the_label_table_agrees_with_scannets(samples: Path):
    lines = (samples / "scannet_meta/scannetv2-labels.combined.tsv").read_text().splitlines()
    known = {cells[1]: cells for cells in (line.split("\t") for line in lines)}
    for row in label_table().rows:
        cells = known[row.raw_category]
        assert (row.identifier, row.category, row.nyu40) == (int(cells[0]), cells[2], int(cells[4]))
