"""Frames in SensReader's layout: numbering, lost poses, both images at their own size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from hcfres.data.errors import DataError
from hcfres.data.frame_layouts import POSED_IMAGES, SENSREADER
from hcfres.data.frames import (
    list_frames,
    numbered_files,
    read_depth,
    read_frame,
    survey_frames,
    write_frame,
    write_intrinsics,
)
from hcfres.data.scene import Frame


@pytest.fixture
def folder(tmp_path, make):
    for index in (0, 5, 10, 20, 100):
        pose = np.full((4, 4), np.inf) if index == 10 else np.eye(4)
        write_frame(tmp_path, make.frame(index, pose))
    write_intrinsics(tmp_path, make.intrinsics * 2, make.intrinsics)
    return tmp_path


def test_files_are_those_of_sensreader(folder):
    names = sorted(str(path.relative_to(folder)) for path in folder.glob("*/*"))
    assert "color/100.jpg" in names
    assert "depth/5.png" in names
    assert sum(name.startswith("intrinsic/") for name in names) == 4
    assert (folder / "pose" / "0.txt").read_text() == (
        "1.000000 0.000000 0.000000 0.000000\n0.000000 1.000000 0.000000 0.000000\n"
        "0.000000 0.000000 1.000000 0.000000\n0.000000 0.000000 0.000000 1.000000\n"
    )
    assert (folder / "pose" / "10.txt").read_text().split() == ["-inf"] * 16
    with Image.open(folder / "depth" / "0.png") as image:
        assert image.mode == "I;16"


def test_a_frame_is_read_as_written(folder, make):
    frame, found = make.frame(5), read_frame(folder, 5)
    assert np.allclose(found.depth, frame.depth, atol=1e-6)
    assert np.abs(found.colour.astype(int) - frame.colour).max() <= 4, "JPEG at quality 95"
    assert np.array_equal(found.intrinsics, make.intrinsics)
    assert np.array_equal(found.camera_to_world, np.eye(4))
    assert (found.colour.shape, found.depth.shape) == ((48, 64, 3), (24, 32))


def test_the_colour_image_alone_is_resampled(folder):
    found = read_frame(folder, 5, size=(12, 16))
    assert found.colour.shape == (12, 16, 3)
    assert found.depth.shape == (24, 32)


@settings(max_examples=25, deadline=None)
@given(counts=arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_every_depth_of_16_bits_survives(tmp_path_factory, counts):
    folder = tmp_path_factory.mktemp("frames")
    depth = counts.astype(np.float32) * np.float32(0.001)
    colour = np.zeros((2, 2, 3), np.uint8)
    write_frame(folder, Frame(0, colour, depth, np.eye(3), np.eye(4)))
    assert np.array_equal(read_depth(folder / "depth" / "0.png"), depth)


@pytest.mark.parametrize("depth", [-0.01, 65.536, np.nan, np.inf])
def test_a_depth_the_format_cannot_hold_is_not_written(tmp_path, make, depth):
    frame = make.frame(0)
    frame.depth[0, 0] = depth
    with pytest.raises(ValueError, match=r"frame 0: depth is 0\.\.65\.535 m"):
        write_frame(tmp_path, frame)
    assert not list(tmp_path.iterdir())


def test_numbers_are_sorted_as_numbers_and_lost_frames_counted(folder):
    found = survey_frames(folder)
    assert found.usable == (0, 5, 20, 100)
    assert found.invalid == (10,)
    assert found.incomplete == ()


def test_every_kth_is_of_the_recording_however_many_of_its_frames_were_extracted(folder):
    assert list_frames(folder, every=10) == (0, 20, 100)
    assert survey_frames(folder, every=10).invalid == (10,)
    assert list_frames(folder, every=50) == (0, 100)


def test_a_step_that_divides_no_number_on_the_disk_is_refused(folder):
    for kind in ("color", "depth", "pose"):
        for path in (folder / kind).iterdir():
            if path.stem != "5":
                path.unlink()
    with pytest.raises(DataError, match=r"none of the 1 frames has a number that 2 divides"):
        list_frames(folder, every=2)


def test_frames_numbered_anew_are_counted_as_they_are():
    assert POSED_IMAGES.every((0, 1, 3, 4), 2) == (0, 3)
    assert SENSREADER.every((0, 1, 3, 4), 2) == (0, 4)


@pytest.mark.parametrize("value", ["-inf", "nan", "inf"])
def test_a_pose_with_one_number_that_is_not_finite_is_lost(folder, value):
    numbers = np.eye(4).astype(str)
    numbers[2, 3] = value
    (folder / "pose" / "0.txt").write_text(" ".join(numbers.reshape(-1)))
    assert 0 not in list_frames(folder)
    with pytest.raises(DataError, match=r"0\.txt: the pose is invalid: tracking was lost"):
        read_frame(folder, 0)


def test_a_single_frame_may_be_incomplete_more_are_a_broken_extraction(folder):
    """Colour and depth counts of real scans differ by at most one."""
    (folder / "depth" / "100.png").unlink()
    assert survey_frames(folder).incomplete == (100,)
    assert list_frames(folder) == (0, 5, 20)
    (folder / "depth" / "20.png").unlink()
    with pytest.raises(DataError, match="3 complete frames: 5 color, 3 depth, 5 pose files"):
        list_frames(folder)


def test_zero_padded_names_are_the_same_numbers(folder):
    for path in list(folder.glob("color/*")):
        path.rename(path.with_name(f"{int(path.stem):06d}.JPG"))
    assert list_frames(folder) == (0, 5, 20, 100)
    assert read_frame(folder, 20).index == 20


def test_one_number_twice_is_refused(folder):
    (folder / "color" / "005.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"005\.jpg and 5\.jpg are the same frame"):
        list_frames(folder)


def test_what_is_not_a_numbered_image_is_not_a_frame(folder):
    for name in (".5.jpg", "x5.jpg", "7.jpg.12.partial", "thumbs.db", "-3.jpg", "²3.jpg"):
        (folder / "color" / name).write_bytes(b"")
    assert list(numbered_files(folder / "color", (".jpg",))) == [0, 5, 10, 20, 100]


@pytest.mark.parametrize(("kind", "name"), [("color", "5.jpg"), ("depth", "5.png")])
def test_a_truncated_image_is_refused_by_name(folder, kind, name):
    path = folder / kind / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=f"{name}: the image is broken"):
        read_frame(folder, 5)


def test_no_damage_to_an_image_escapes_as_another_error(folder):
    path = folder / "depth" / "5.png"
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        content = bytearray(whole)
        for place in rng.integers(0, min(len(content), 120), rng.integers(1, 6)):
            content[place] = rng.integers(0, 256)
        path.write_bytes(bytes(content))
        try:
            read_depth(path)
        except DataError:
            refused += 1
    assert refused > 100


def test_an_image_of_other_kind_is_no_depth(folder):
    Image.fromarray(np.zeros((24, 32), np.uint8)).save(folder / "depth" / "5.png")
    with pytest.raises(DataError, match="depth is a 16-bit greyscale image; found mode L"):
        read_frame(folder, 5)
    (folder / "depth" / "5.png").write_bytes(b"GIF89a")
    with pytest.raises(DataError, match="the image is broken"):
        read_frame(folder, 5)


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(folder):
    path = folder / "depth" / "5.png"
    content = bytearray(path.read_bytes())
    content[16:24] = (60000).to_bytes(4, "big") * 2
    path.write_bytes(bytes(content))
    with pytest.raises(DataError):
        read_depth(path)


def test_intrinsics_of_another_size_are_refused(folder, make):
    write_intrinsics(folder, make.intrinsics, make.intrinsics * 8)
    with pytest.raises(DataError, match=r"mx 124, my 92 are not those of 32x24 depth"):
        read_frame(folder, 5)


def test_a_pose_that_is_no_rotation_is_refused(folder):
    (folder / "pose" / "5.txt").write_text(" ".join(map(str, (np.eye(4) * 2).reshape(-1))))
    with pytest.raises(DataError, match="the pose is not a rotation and a translation"):
        read_frame(folder, 5)


@pytest.mark.parametrize("text", ["", "1 2 3", "1 " * 17, "a " * 16])
def test_a_pose_that_is_no_matrix_is_refused(folder, text):
    (folder / "pose" / "5.txt").write_text(text)
    with pytest.raises(DataError, match=r"5\.txt: a matrix has 16 numbers"):
        list_frames(folder)


def test_a_frame_that_is_not_there_and_a_folder_that_is_not_there_are_named(folder):
    with pytest.raises(DataError, match="color: there is no frame 6"):
        read_frame(folder, 6)
    with pytest.raises(DataError, match="there is no such folder"):
        list_frames(folder / "absent")


def test_open3ds_noisy_depth_is_read_in_metres(samples):
    depth = read_depth(samples / "open3d_rgbd" / "depth" / "00000.png")
    assert depth.shape == (480, 640)
    assert depth.dtype == np.float32
    assert 0.5 < np.median(depth[depth > 0]) < 5
