"""A dataset folder: everything by name, and what is missing is said with the way out."""

import shutil

import numpy as np
import pytest

from hcfres.data.annotations.annotations import write_multi3drefer
from hcfres.data.dataset import ABOUT, Dataset
from hcfres.data.errors import DataError
from hcfres.data.frames import write_frame

NAME = "scene0000_00"


def test_scenes_frames_and_sentences_are_read_by_name(root, make):
    data = Dataset(root)
    assert data.name == "rooms"
    assert data.scene_ids("train") == data.scene_ids("val") == (NAME,)
    assert np.array_equal(data.scene(NAME).vertices, make.scene().vertices)
    assert data.frame_indices(NAME) == (0, 10, 30, 100, 110)
    assert data.frame_indices(NAME, every=50) == (0, 100)
    assert data.frame_listing(NAME).invalid == (20,)
    assert data.frame(NAME, 30, size=(6, 8)).colour.shape == (6, 8, 3)
    assert np.array_equal(data.scan_info(NAME).axis_alignment, np.eye(4))
    assert [item.ann_id for item in data.expressions("multi3drefer", "train")] == [0, 1, 2]
    assert data.expressions("scanrefer", "train")[0].dataset == "scanrefer"


MISSING = {
    "list": (lambda d: d.scene_ids("test"), "scannetv2_test.txt"),
    "scan": (lambda d: d.scene("scene0007_00"), "scans/scene0007_00"),
    "frames": (lambda d: d.frame_indices("scene0007_00"), "frames/scene0007_00"),
    "sentences": (lambda d: d.expressions("multi3drefer", "val"), "multi3drefer_val.json"),
    "their hash": (
        lambda d: d.expressions_hash("scanrefer", "val"),
        "ScanRefer_filtered_val.json",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("ask", "where"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_one_error_with_the_place_and_the_command(root, ask, where):
    with pytest.raises(DataError) as error:
        ask(Dataset(root))
    assert str(root / where) in str(error.value)
    told = "`hcfres acquire SETTING` puts the dataset of a setting (rooms, smoke) in place"
    assert str(error.value).endswith(told)


def test_rooms_name_the_command_of_their_own_setting(root):
    (root / ABOUT).write_text('{"setting": "smoke"}')
    with pytest.raises(DataError) as error:
        Dataset(root).frame_indices("scene0007_00")
    assert str(error.value).endswith("`hcfres acquire smoke` puts the dataset in place")
    for nonsense in ("", "[]", '{"setting": 3}'):
        (root / ABOUT).write_text(nonsense)
        with pytest.raises(DataError, match="hcfres acquire SETTING"):
            Dataset(root).scene_ids("test")


def test_who_opens_a_dataset_may_advise_something_else(root):
    with pytest.raises(DataError, match="Copy it again"):
        Dataset(root, "Copy it again").scene_ids("test")


def test_a_missing_dataset_names_its_own_command(tmp_path):
    with pytest.raises(DataError) as error:
        Dataset(tmp_path / "scannet")
    assert str(error.value) == (
        f"{tmp_path / 'scannet'}: there is no dataset in this folder. "
        "`hcfres acquire scannet` puts the dataset in place"
    )


@pytest.mark.parametrize(
    "end", ["_vh_clean_2.ply", "_vh_clean_2.0.010000.segs.json", ".aggregation.json"]
)
def test_a_missing_file_of_a_scan_is_named(root, end):
    path = root / "scans" / NAME / f"{NAME}{end}"
    path.unlink()
    with pytest.raises(DataError) as error:
        Dataset(root).scene(NAME)
    assert str(error.value).startswith(f"{path}: there is no such file")


def test_a_test_scan_needs_no_annotation(root):
    (root / "scans_test").mkdir()
    for path in (root / "scans" / NAME).iterdir():
        if not path.name.endswith(("clean_2.ply", ".txt")):
            path.unlink()
    (root / "scans" / NAME).rename(root / "scans_test" / NAME)
    assert Dataset(root).scene(NAME).objects == ()


@pytest.mark.parametrize("name", ["../../etc", "scene0_0", "scene0000_00/..", "scene0000_00\n"])
def test_a_name_that_is_no_scans_is_refused(root, name):
    with pytest.raises(DataError, match="is no scan's name"):
        Dataset(root).scene(name)


def test_a_scan_is_found_by_its_whole_name(root):
    """The public code takes the first file whose path contains the name."""
    for other in (f"{NAME}_old", f"a_{NAME}", "scene0000_0"):
        shutil.copytree(root / "scans" / NAME, root / "scans" / other)
        shutil.copytree(root / "frames" / NAME, root / "frames" / other)
    data = Dataset(root)
    assert data.frames_folder(NAME) == root / "frames" / NAME
    shutil.rmtree(root / "scans" / NAME)
    with pytest.raises(DataError, match=f"scans/{NAME}"):
        data.scene(NAME)


def test_a_list_with_strangers_or_repetitions_is_refused(root):
    (root / "scannetv2_train.txt").write_text(f"{NAME}\nroom 1\n{NAME}\n")
    with pytest.raises(DataError) as error:
        Dataset(root).scene_ids("train")
    for part in ("3 problems", "'room' is no scan's name", f"{NAME} comes twice"):
        assert part in str(error.value)
    (root / "scannetv2_train.txt").write_text("\n")
    with pytest.raises(DataError, match="the list is empty"):
        Dataset(root).scene_ids("train")


def test_a_sentence_about_an_unknown_scene_or_object_is_refused(root, make):
    items = [make.expression(scene_id="scene0042_00"), make.expression(object_ids=(7,))]
    write_multi3drefer(root / "multi3drefer_train.json", items)
    (root / "scannetv2_train.txt").write_text(f"{NAME}\nscene0042_00\n")
    with pytest.raises(DataError) as error:
        Dataset(root).expressions("multi3drefer", "train")
    assert "scene scene0042_00 is unknown (1 expressions)" in str(error.value)
    assert f"{NAME}|7|0: scene {NAME} has no object [7]" in str(error.value)


def hashes(data):
    return (
        data.scene_hash(NAME),
        data.frames_hash(NAME),
        data.frames_hash(NAME, every=50),
        data.expressions_hash("multi3drefer", "train"),
    )


def test_hashes_do_not_depend_on_the_place(root, tmp_path):
    before = hashes(Dataset(root))
    assert len(set(before)) == 4
    assert hashes(Dataset(root.rename(tmp_path / "elsewhere"))) == before


def test_each_hash_follows_its_own_files(root, make):
    data = Dataset(root)
    before = hashes(data)
    frame = make.frame(10)
    write_frame(root / "frames" / NAME, type(frame)(**frame.__dict__ | {"index": 30}))
    after = hashes(data)
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True, True]
    (root / "scans" / NAME / f"{NAME}_vh_clean_2.labels.ply").unlink()
    assert data.scene_hash(NAME) != before[0]
    with pytest.raises(DataError, match="there is no such file"):
        (root / "scans" / NAME / f"{NAME}_vh_clean_2.ply").unlink()
        data.scene_hash(NAME)


def test_scannets_lists_are_read(samples, tmp_path):
    source = samples / "scannet_meta"
    for name in ("scannetv2_train.txt", "scannetv2_val.txt", "scannetv2_test.txt"):
        if not (source / name).exists():
            pytest.skip(f"{source / name} is not here")
        (tmp_path / name).write_bytes((source / name).read_bytes())
    data = Dataset(tmp_path)
    splits = [data.scene_ids(split) for split in ("train", "val", "test")]
    assert [len(names) for names in splits] == [1201, 312, 100]
    assert len(set().union(*splits)) == 1613


@pytest.mark.parametrize("name", ["frames", "scannet_frames_25k", "posed_images"])
def test_frames_are_found_where_their_distributors_put_them(root, name):
    if name != "frames":
        (root / "frames").rename(root / name)
    data = Dataset(root)
    assert data.frames_folder(NAME) == root / name / NAME
    assert data.frame_indices(NAME) == (0, 10, 30, 100, 110)
    assert data.frame(NAME, 30).index == 30
    assert len(data.frames_hash(NAME)) == 64


def test_of_two_folders_of_frames_the_first_is_read_and_said(root, caplog):
    shutil.copytree(root / "frames", root / "posed_images")
    (root / "frames" / NAME / "pose" / "30.txt").write_text("1 " * 15 + "nan")
    assert Dataset(root).frame_indices(NAME) == (0, 10, 100, 110)
    assert f"frames of {NAME} are in ['frames', 'posed_images']; frames is read" in caplog.text
