"""Up in a scan that does not say: floors and cameras of known tilt."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.data.upright import rotation_to_z, up_direction


def room(rng):
    """A noisy floor and two walls, +z up."""
    plane = rng.random((1500, 2)) * 4
    floor = np.c_[plane, np.zeros(1500)]
    wall = np.c_[plane[:500, 0], np.zeros(500), plane[:500, 1]]
    other = np.c_[np.zeros(500), plane[500:1000]]
    return np.concatenate([floor, wall, other]) + rng.normal(0, 0.003, (2500, 3))


def camera(heading, pitch_down):
    """A camera held upright in a room with +z up, looking down by `pitch_down` radians."""
    forward = np.array([np.cos(heading), np.sin(heading), 0]) * np.cos(pitch_down)
    forward[2] = -np.sin(pitch_down)
    right = np.array([np.sin(heading), -np.cos(heading), 0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    return pose


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), pitch=st.floats(0, 0.5))
def test_level_surfaces_correct_the_tilt_of_the_cameras(seed, pitch):
    """Cameras that all look the same way and down by up to 29 degrees; any frame of reference."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    turn *= np.linalg.det(turn)
    poses = np.stack([camera(0.3 + 0.1 * i, pitch) for i in range(5)])
    poses[:, :3, :3] = turn @ poses[:, :3, :3]
    up = up_direction(room(rng) @ turn.T, poses)
    assert np.degrees(np.arccos(np.clip(up @ turn[:, 2], -1, 1))) < 1.5


def test_a_cloud_too_small_for_surfaces_leaves_the_cameras_word():
    up = up_direction(np.zeros((3, 3)), np.stack([camera(0, 0.0), camera(2, 0.0)]))
    assert np.allclose(up, [0, 0, 1])


def test_cameras_that_look_straight_down_all_around_cannot_tell():
    poses = np.stack([camera(h, np.pi / 2) for h in np.arange(8) * np.pi / 4])
    assert up_direction(np.zeros((3, 3)), poses) is None


@pytest.mark.parametrize("up", [(0, -1, 0), (0, 0, -1), (1, 0, 0), (0.6, 0, -0.8)])
def test_the_rotation_takes_up_to_z(up):
    turn = rotation_to_z(np.array(up, float))
    assert np.allclose(turn[:3, :3] @ up, [0, 0, 1])
    assert np.allclose(turn[:3, :3] @ turn[:3, :3].T, np.eye(3))
    assert np.isclose(np.linalg.det(turn), 1)


def test_a_frame_that_is_nearly_upright_is_left_as_it_is():
    assert np.array_equal(rotation_to_z(np.array([0, 0.2, 0.98])), np.eye(4))
