"""Lists and trajectories with time stamps: what belongs together, and what is refused."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hcfres.data.captures.stamps import (
    StampedPoses,
    pairs,
    read_stamped_files,
    read_stamped_poses,
)
from hcfres.data.errors import DataError
from hcfres.data.trajectory import read_trajectory

TURN = Rotation.from_euler("z", 90, degrees=True)
times = st.lists(st.floats(0, 3), max_size=30).map(lambda t: np.array(sorted(t)))


@given(times, times)
def test_no_time_is_in_two_pairs_and_none_is_far(first, second):
    found = pairs(first, second)
    assert len(set(found[:, 0].tolist())) == len(set(found[:, 1].tolist())) == len(found)
    assert (np.abs(first[found[:, 0]] - second[found[:, 1]]) <= 0.02).all()
    assert (np.diff(found[:, 0]) > 0).all()


@given(times, times)
def test_pairs_are_each_others_nearest(first, second):
    """The readable reference: a pair's two times have no nearer partner than each other."""
    for a, b in pairs(first, second):
        gap = abs(first[a] - second[b])
        assert gap == np.abs(second - first[a]).min() == np.abs(first - second[b]).min()


@given(times)
def test_times_belong_to_themselves(own):
    own = np.unique(own)
    assert pairs(own, own).tolist() == [[n, n] for n in range(len(own))]


def test_between_two_poses_the_pose_is_interpolated():
    """A quarter turn in 80 ms: after 40 ms it is half of it, 45 degrees; a hand-worked case."""
    quaternions = np.stack([np.array([0, 0, 0, 1.0]), TURN.as_quat()])
    poses = StampedPoses(np.array([1.0, 1.08]), np.array([[0, 0, 0], [8.0, 0, 4]]), quaternions)
    pose = poses.at(np.array([1.04]))[0]
    half = np.sqrt(0.5)
    assert np.allclose(pose[:3, :3], [[half, -half, 0], [half, half, 0], [0, 0, 1]])
    assert np.allclose(pose[:3, 3], [4, 0, 2])


def test_the_nearer_of_two_poses_weighs_more():
    """A quarter of the way from (0, 0, 0) to (8, 0, 4), and of a quarter turn: 22.5 degrees."""
    quaternions = np.stack([np.array([0, 0, 0, 1.0]), TURN.as_quat()])
    poses = StampedPoses(np.array([1.0, 1.08]), np.array([[0, 0, 0], [8.0, 0, 4]]), quaternions)
    pose = poses.at(np.array([1.02]))[0]
    assert np.allclose(pose[:3, 3], [2, 0, 1])
    assert np.allclose(pose[:2, 0], [0.92388, 0.38268], atol=1e-5)


def test_in_a_gap_only_what_is_near_a_pose_has_one():
    poses = StampedPoses(np.array([1.0, 3.0]), np.zeros((2, 3)), np.tile([0, 0, 0, 1.0], (2, 1)))
    found = poses.at(np.array([0.97, 0.99, 1.015, 2.0, 2.99, 3.03]))
    assert sorted(found) == [1, 2, 4]


def test_a_single_pose_serves_what_is_near_it():
    poses = StampedPoses(np.array([1.0]), np.zeros((1, 3)), np.array([[0, 0, 0, 1.0]]))
    assert sorted(poses.at(np.array([0.5, 1.01]))) == [1]


@given(st.lists(st.floats(0, 2), min_size=1, max_size=20), st.lists(st.floats(-1, 3), max_size=20))
def test_every_pose_that_is_given_is_rigid(known, asked):
    known = np.unique(known)
    turns = Rotation.from_euler("xyz", np.outer(known, [1, 2, 3])).as_quat()
    poses = StampedPoses(known, np.outer(known, [1.0, 0, 0]), turns)
    for pose in poses.at(np.array(sorted(asked))).values():
        assert np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-9)


def test_lists_are_sorted_by_time_and_comments_left_out(tmp_path):
    path = tmp_path / "rgb.txt"
    path.write_bytes(b"# colour\r\n2.5,rgb/b.png\r\n\r\n1.5\trgb/a.png\r\n")
    found = read_stamped_files(path)
    assert found.times.tolist() == [1.5, 2.5]
    assert found.paths == (tmp_path / "rgb" / "a.png", tmp_path / "rgb" / "b.png")


BROKEN_LISTS = {
    "empty": ("# nothing\n", "there is nothing in it"),
    "one word": ("1.0\n", "line 1: 1 words"),
    "no time": ("x a.png\n", "line 1: could not convert"),
    "no end": ("inf a.png\n", "line 1: the time stamp is inf"),
    "up": ("1 ../a.png\n", "line 1: .* lies outside the folder"),
    "root": ("1 /etc/passwd\n", "line 1: .* lies outside the folder"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN_LISTS.values(), ids=BROKEN_LISTS)
def test_a_broken_list_is_refused(tmp_path, text, message):
    (tmp_path / "rgb.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read_stamped_files(tmp_path / "rgb.txt")


BROKEN_POSES = {
    "seven": ("1 0 0 0 0 0 1\n", "line 1: 7 numbers, not 8"),
    "length": ("1 0 0 0 0 0 0 2\n", "line 1: a quaternion of length 2, not 1"),
    "zero": ("1 0 0 0 0 0 0 0\n", "line 1: a quaternion of length 0, not 1"),
    "nan": ("1 nan 0 0 0 0 0 1\n", "line 1: not a pose"),
    "far": ("1 1e9 0 0 0 0 0 1\n", "line 1: not a pose"),
    "huge": ("1 0 0 0 1e308 1e308 0 1\n", "line 1: a quaternion of length inf"),
}


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(("text", "message"), BROKEN_POSES.values(), ids=BROKEN_POSES)
def test_a_broken_trajectory_is_refused(tmp_path, text, message):
    (tmp_path / "poses.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read_stamped_poses(tmp_path / "poses.txt")


def test_of_two_poses_of_one_time_the_first_counts(tmp_path):
    (tmp_path / "poses.txt").write_text("1 5 0 0 0 0 0 1\n1 6 0 0 0 0 0 1\n")
    found = read_stamped_poses(tmp_path / "poses.txt")
    assert found.positions.tolist() == [[5, 0, 0]]


words = st.one_of(
    st.text(max_size=12),
    st.floats(width=32).map(str),
    st.integers(-5, 10**20).map(str),
    st.sampled_from(["#", "1.0", "0", "nan", "-inf", "rgb/1.png", "..", "1e999", "\x00", "\ufeff"]),
)
lines = st.lists(st.lists(words, max_size=9).map(" ".join), max_size=12).map("\n".join)
READERS = (read_stamped_files, read_stamped_poses, read_trajectory)


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("reader", READERS)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.one_of(lines.map(str.encode), st.binary(max_size=200)))
def test_whatever_is_in_a_file_it_is_read_or_refused(tmp_path, reader, content):
    path = tmp_path / "file.txt"
    path.write_bytes(content)
    try:
        reader(path)
    except DataError as error:
        assert str(error).startswith(str(path))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.floats(0, 1e9), *[st.floats(-1e5, 1e5)] * 3, *[st.floats(-3, 3)] * 3),
        min_size=1,
        max_size=10,
        unique_by=lambda row: row[0],
    )
)
def test_a_written_trajectory_is_read_back(tmp_path, rows):
    turns = Rotation.from_rotvec([row[4:] for row in rows]).as_quat()
    text = "".join(
        " ".join(repr(float(v)) for v in (*row[:4], *turn)) + "\n"
        for row, turn in zip(rows, turns, strict=True)
    )
    (tmp_path / "poses.txt").write_text(text)
    found = read_stamped_poses(tmp_path / "poses.txt")
    order = np.argsort([row[0] for row in rows])
    assert found.times.tolist() == [rows[n][0] for n in order]
    assert np.allclose(found.positions, [rows[n][1:4] for n in order])
    assert np.allclose(found.quaternions, turns[order])
