"""Every layout of extracted frames is recognised and read, and gives the same frame."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hcfres.data.calibration import Pinhole
from hcfres.data.errors import DataError
from hcfres.data.frame_layouts import (
    FRAMES_25K,
    LAYOUTS,
    POSED_IMAGES,
    SENS_TOOL,
    SENSREADER,
    layout_of,
)
from hcfres.data.frames import (
    frame_files,
    read_frame,
    survey_frames,
    write_frame,
    write_intrinsics,
)
from hcfres.data.poses import write_matrix

NUMBERS = (0, 100, 200)
K = np.array([[30.0, 0, 15.5], [0, 30.0, 11.5], [0, 0, 1]])


@pytest.fixture
def plain(tmp_path, make):
    """SensReader's layout; frame 100 is lost."""
    folder = tmp_path / "plain"
    for index in NUMBERS:
        write_frame(folder, make.frame(index, np.full((4, 4), np.inf) if index == 100 else None))
    write_intrinsics(folder, make.intrinsics * [[2], [2], [1]], make.intrinsics)
    return folder


def move(source, target) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def as_25k(plain, folder):
    for path in plain.glob("[cdp]*/*"):
        move(path, folder / path.parent.name / f"{int(path.stem):06d}{path.suffix}")
    for name in ("color", "depth"):
        move(plain / "intrinsic" / f"intrinsic_{name}.txt", folder / f"intrinsics_{name}.txt")
    (folder / "label").mkdir()
    return folder


def as_tool(plain, folder, shift: int = 1000):
    """Big-endian PGM with the comment that ScanNet's tool writes into the header."""
    ends = {"color": "color.jpg", "depth": "depth.pgm", "pose": "pose.txt"}
    for path in plain.glob("[cdp]*/*"):
        target = folder / f"frame-{int(path.stem):06d}.{ends[path.parent.name]}"
        move(path, target)
        if path.suffix == ".png":
            counts = np.asarray(Image.open(path)).astype(">u2")
            rows, columns = counts.shape
            head = f"P5\n# data values are 16-bit each; depth shift is {shift}\n{columns} {rows}\n"
            target.write_bytes(head.encode() + b"65535\n" + counts.tobytes())
    lines = [f"m_depthShift = {shift}", "m_sensorName = StructureSensor"]
    for name in ("Color", "Depth"):
        for kind in ("in", "ex"):
            path = plain / "intrinsic" / f"{kind}trinsic_{name.lower()}.txt"
            numbers = " ".join(path.read_text().split())
            lines.append(f"m_calibration{name}{kind.title()}trinsic = {numbers} ")
    (folder / "_info.txt").write_text("\n".join(lines))
    return folder


def as_posed(plain, folder, depth: bool = True, own_depth_camera: bool = True):
    """Numbered anew."""
    for path in plain.glob("[cdp]*/*"):
        if depth or path.suffix != ".png":
            move(path, folder / f"{NUMBERS.index(int(path.stem)):05d}{path.suffix}")
    move(plain / "intrinsic" / "intrinsic_color.txt", folder / "intrinsic.txt")
    if own_depth_camera:
        move(plain / "intrinsic" / "intrinsic_depth.txt", folder / "depth_intrinsic.txt")
    return folder


MAKERS = ((SENSREADER, None), (FRAMES_25K, as_25k), (SENS_TOOL, as_tool), (POSED_IMAGES, as_posed))


@pytest.mark.parametrize(("layout", "maker"), MAKERS, ids=[layout.name for layout, _ in MAKERS])
def test_a_layout_is_recognised_and_gives_the_same_frames(plain, tmp_path, layout, maker):
    folder = maker(plain, tmp_path / "other") if maker else plain
    assert layout_of(folder) is layout
    found = survey_frames(folder)
    numbers = (0, 1, 2) if layout is POSED_IMAGES else NUMBERS
    assert found.usable == (numbers[0], numbers[2])
    assert found.invalid == (numbers[1],)
    assert found.layout == layout.name
    for number, original in zip(numbers[::2], NUMBERS[::2], strict=True):
        frame, expected = read_frame(folder, number), read_frame(plain, original)
        assert frame.index == number
        assert np.array_equal(frame.colour, expected.colour)
        assert np.array_equal(frame.depth, expected.depth)
        assert np.array_equal(frame.intrinsics, expected.intrinsics)
        assert np.array_equal(frame.camera_to_world, expected.camera_to_world)


def test_every_layout_is_tested():
    assert {layout.name for layout, _ in MAKERS} == {layout.name for layout in LAYOUTS}


def test_posed_images_without_depth_are_refused_with_the_reason(plain, tmp_path):
    folder = as_posed(plain, tmp_path / "other", depth=False)
    for ask in (lambda: survey_frames(folder), lambda: read_frame(folder, 0)):
        with pytest.raises(DataError) as error:
            ask()
        for part in ("mmdetection3d's posed images", "no depth images", "without depth nobody"):
            assert part in str(error.value)
        assert "Extract the depth images too" in str(error.value)


def test_posed_images_with_the_colour_cameras_matrix_alone(plain, tmp_path, make):
    folder = as_posed(plain, tmp_path / "other", own_depth_camera=False)
    found = read_frame(folder, 2)
    expected = make.intrinsics.copy()
    expected[:2, 2] = (make.intrinsics[:2, 2] * 2 + 0.5) / 2 - 0.5
    assert np.allclose(found.intrinsics, expected)
    assert found.colour.shape == (48, 64, 3)


def test_the_tools_depth_shift_is_the_counts_to_a_metre(plain, tmp_path):
    folder = as_tool(plain, tmp_path / "other", shift=2000)
    assert np.allclose(read_frame(folder, 0).depth, read_frame(plain, 0).depth / 2)
    info = folder / "_info.txt"
    info.write_text(info.read_text().replace("m_depthShift = 2000", "m_depthShift = 0"))
    with pytest.raises(DataError, match=r"_info\.txt, m_depthShift: counts to a metre"):
        read_frame(folder, 0)


def test_a_key_that_is_missing_is_named(plain, tmp_path):
    folder = as_tool(plain, tmp_path / "other")
    info = folder / "_info.txt"
    info.write_text(info.read_text().replace("m_calibrationDepthIntrinsic", "other"))
    with pytest.raises(DataError, match="there is no `m_calibrationDepthIntrinsic`"):
        read_frame(folder, 0)


def test_what_scannets_tool_wrote_is_read(samples, tmp_path):
    """Its pose and depth files as they are; the colour images are those it was given."""
    folder = tmp_path / "frames"
    shutil.copytree(samples / "sens_golden" / "official_reader_output", folder)
    for index in range(5):
        move(
            samples / "open3d_rgbd" / "color" / f"{index:05d}.jpg",
            folder / f"frame-{index:06d}.color.jpg",
        )
        if index:
            shutil.copy(folder / "frame-000000.depth.pgm", folder / f"frame-{index:06d}.depth.pgm")
    found = survey_frames(folder)
    assert found.usable == (0, 1, 2, 4)
    assert found.invalid == (3,), "its pose is all -inf"
    frame = read_frame(folder, 0)
    with Image.open(samples / "open3d_rgbd" / "depth" / "00000.png") as image:
        assert np.array_equal(frame.depth, np.asarray(image).astype(np.float32) * np.float32(0.001))
    assert frame.intrinsics[0].tolist() == [525, 0, 319.5]
    assert np.allclose(frame.camera_to_world[:3, 3], [-0.31058, 0.573012, 2.12648])


def test_a_folder_of_no_layout_says_what_layouts_are_recognised_by(tmp_path):
    (tmp_path / "image").mkdir()
    with pytest.raises(DataError) as error:
        survey_frames(tmp_path)
    for layout in LAYOUTS:
        assert layout.name in str(error.value)
    with pytest.raises(DataError, match="there is no such folder"):
        layout_of(tmp_path / "absent")


def test_a_frame_that_is_not_there_is_named_as_its_layout_would(plain, tmp_path):
    folder = as_tool(plain, tmp_path / "other")
    with pytest.raises(DataError, match=r"there is no frame 7 \(frame-000007\.color\.jpg\)"):
        read_frame(folder, 7)


@pytest.mark.parametrize(("depth_m", "shift_px"), [(1.0, 4), (2.0, 2)])
def test_a_frame_whose_cameras_stand_apart_is_registered(tmp_path, make, depth_m, shift_px):
    """30 x 0.0667 / 1 = 2 depth pixels at a metre, twice that in colour, and half of it at two."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[..., 0] = 3 * np.arange(64)
    frame = make.frame(0)
    write_frame(tmp_path, replace(frame, depth=np.full((24, 32), depth_m, np.float32)))
    (tmp_path / "color" / "0.jpg").unlink()
    Image.fromarray(image).save(tmp_path / "color" / "0.png")
    write_intrinsics(tmp_path, Pinhole(K, (24, 32)).scaled((48, 64)).intrinsics, K)
    between = np.eye(4)
    between[0, 3] = 2 / 30
    write_matrix(tmp_path / "intrinsic" / "extrinsic_depth.txt", between)
    found = read_frame(tmp_path, 0)
    assert np.abs(found.colour[20, :50, 0] - 3.0 * (np.arange(50) + shift_px)).max() <= 1
    assert found.seen is not None
    assert not found.seen[:, -shift_px + 1 :].any()
    assert not found.colour[~found.seen].any()
    assert read_frame(tmp_path, 0, (24, 32)).colour.shape == (24, 32, 3)


def test_the_colour_cameras_matrices_decide_only_where_they_move_a_pixel(plain, make):
    """So what was computed from registered frames stays valid."""
    files = frame_files(plain, (0, 200))
    assert [path.name for path in files] == [
        "intrinsic_depth.txt", "0.jpg", "0.png", "0.txt", "200.jpg", "200.png", "200.txt"
    ]  # fmt: skip
    write_intrinsics(plain, make.intrinsics * [[2.2], [2.2], [1]], make.intrinsics)
    names = [path.name for path in frame_files(plain, (0,))]
    assert names[:4] == [
        "intrinsic_depth.txt", "intrinsic_color.txt", "extrinsic_color.txt", "extrinsic_depth.txt"
    ]  # fmt: skip
