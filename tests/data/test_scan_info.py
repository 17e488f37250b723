"""A scan's `.txt` file."""

import numpy as np
import pytest

from hcfres.data.errors import DataError
from hcfres.data.scan_info import matrix_text, read_scan_info, write_scan_info


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scene0000_00.txt"


def test_the_alignment_line_ends_in_a_space_and_is_read(path):
    matrix = np.eye(4)
    matrix[0, 3] = -1.5
    write_scan_info(path, {"sceneType": "Copy/Mail Room", "axisAlignment": matrix_text(matrix)})
    assert path.read_text().split("\n")[0].endswith("1.000000 ")
    found = read_scan_info(path)
    assert np.array_equal(found.axis_alignment, matrix)
    assert found.get("sceneType") == "Copy/Mail Room"


def test_keys_are_written_in_alphabetical_order(path):
    write_scan_info(
        path, {"numDepthFrames": "3", "colorWidth": "64", "axisAlignment": matrix_text(np.eye(4))}
    )
    keys = [line.split(" = ")[0] for line in path.read_text().split("\n")[:-1]]
    assert keys == ["axisAlignment", "colorWidth", "numDepthFrames"]


def test_a_test_scan_has_no_alignment_and_unknown_keys_are_kept(path):
    path.write_text("deviceName = A = B\r\nk1_color = 0.0\n")
    found = read_scan_info(path)
    assert np.array_equal(found.axis_alignment, np.eye(4))
    assert found.entries == (("deviceName", "A = B"), ("k1_color", "0.0"))
    assert found.get("sceneType") is None


@pytest.mark.parametrize("value", ["1 2 3", "1 " * 17, "x " * 16, "nan " * 16])
def test_a_matrix_that_is_none_is_refused(path, value):
    path.write_text(f"axisAlignment = {value}\n")
    with pytest.raises(DataError, match="axisAlignment: a matrix has 16 numbers"):
        read_scan_info(path)


def test_a_line_without_equals_is_named(path):
    path.write_text("sceneType = Office\nnonsense\n")
    with pytest.raises(DataError, match="line 2: no `key = value`"):
        read_scan_info(path)


def test_an_alignment_that_is_no_rotation_and_translation_is_refused(path):
    matrix = np.diag([1000.0, 1000, 1000, 1])
    write_scan_info(path, {"axisAlignment": matrix_text(matrix)})
    with pytest.raises(DataError, match="axisAlignment: the pose is not a rotation"):
        read_scan_info(path)


def test_a_key_that_comes_twice_is_refused(path):
    path.write_text("sceneType = Office\nfx_color = 1\nsceneType = Kitchen\n")
    with pytest.raises(DataError, match="line 3: 'sceneType' comes twice"):
        read_scan_info(path)


def test_a_line_without_a_key_is_refused(path):
    path.write_text(" = Office\n")
    with pytest.raises(DataError, match="line 1: no `key = value`"):
        read_scan_info(path)
