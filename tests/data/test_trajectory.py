"""Redwood's `.log` and Open3D's intrinsics."""

import json

import numpy as np
import pytest

from hcfres.data.errors import DataError
from hcfres.data.trajectory import read_camera, read_trajectory, write_trajectory

TURN = np.array([[0.0, -1, 0, 2], [1, 0, 0, 3], [0, 0, 1, 4], [0, 0, 0, 1]])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trajectory.log"


def test_poses_come_back_under_their_numbers(path):
    lost = np.full((4, 4), np.nan)
    write_trajectory(path, {7: TURN, 30: np.eye(4), 31: lost})
    found = read_trajectory(path)
    assert list(found) == [7, 30, 31]
    assert np.array_equal(found[7], TURN)
    assert np.isnan(found[31]).all()
    assert path.read_text().split("\n")[0] == "7 7 8"


def test_tabs_blank_lines_and_carriage_returns_are_accepted(path):
    write_trajectory(path, {7: TURN})
    path.write_bytes(path.read_bytes().replace(b" ", b"\t ").replace(b"\n", b"\r\n\r\n"))
    assert np.array_equal(read_trajectory(path)[7], TURN)


REFUSED = {
    "empty": (lambda t: "", "0 lines are not five per frame"),
    "cut short": (
        lambda t: t[: t.rindex("1.0")],
        "the matrix after line 1: rows of [4, 4, 4, 3] numbers",
    ),
    "a line short": (lambda t: t.rstrip("\n").rsplit("\n", 1)[0], "4 lines are not five per frame"),
    "pairs": (lambda t: t.replace("7 7 8", "7 8 9"), "line 1: a pose between two frames, 7 and 8"),
    "no number": (lambda t: t.replace("7 7 8", "7.0 7 8"), "line 1: three frame numbers"),
    "a word": (lambda t: t.replace("3.0", "x.0"), "the matrix after line 1: could not convert"),
    "twice": (lambda t: t + t, "line 6: frame 7 comes twice"),
    "a scaled matrix": (lambda t: t.replace("1.0", "1.1"), "not a rotation and a translation"),
    "a mirror": (lambda t: t.replace("-1.0", "1.0"), "not a rotation and a translation"),
    "transposed": (
        lambda t: "7 7 8\n" + "\n".join(" ".join(map(str, row)) for row in TURN.T),
        "not a rotation and a translation",
    ),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_trajectory_is_refused(path, change, message):
    write_trajectory(path, {7: TURN})
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError) as error:
        read_trajectory(path)
    assert message in str(error.value)
    assert str(error.value).startswith(str(path))


def test_intrinsics_are_read_columns_first(tmp_path):
    path = tmp_path / "camera.json"
    matrix = [500, 0, 0, 0, 510, 0, 320, 240, 1]
    path.write_text(json.dumps({"width": 640, "height": 480, "intrinsic_matrix": matrix}))
    found, size = read_camera(path)
    assert found.tolist() == [[500, 0, 320], [0, 510, 240], [0, 0, 1]]
    assert size == (480, 640)
    path.write_text(json.dumps({"width": 640, "intrinsic_matrix": matrix[:-1]}))
    with pytest.raises(DataError) as error:
        read_camera(path)
    assert "2 problems" in str(error.value)


def test_open3ds_own_files_are_read(samples):
    poses = read_trajectory(samples / "open3d_livingroom1" / "test_scene" / "trajectory.log")
    assert list(poses) == list(range(211))
    assert np.array_equal(poses[0], np.eye(4))
    assert list(read_trajectory(samples / "open3d_rgbd" / "trajectory.log")) == [0, 1, 2, 3, 4]
    matrix, size = read_camera(samples / "open3d_rgbd" / "camera_primesense.json")
    assert matrix.tolist() == [[525, 0, 319.5], [0, 525, 239.5], [0, 0, 1]]
    assert size == (480, 640)
