import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hcfres.geometry.camera import project, unproject

K = np.array([[100.0, 0, 2], [0, 50, 1], [0, 0, 1]])


def pose(rotation: np.ndarray, position: list[float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, position
    return matrix


def test_a_pixel_lies_where_equation_2_says():
    """Eq. 2 by hand: ((u - cx) d / fx, (v - cy) d / fy, d), then rotated and moved."""
    depth = np.zeros((3, 5))
    depth[2, 4] = 2.0
    # In the camera: ((4 - 2) * 2 / 100, (2 - 1) * 2 / 50, 2) = (0.04, 0.04, 2).
    assert unproject(depth, K, np.eye(4))[2, 4].tolist() == [0.04, 0.04, 2.0]
    quarter_turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    there = unproject(depth, K, pose(quarter_turn, [10, 20, 30]))[2, 4]
    assert there == pytest.approx([9.96, 20.04, 32.0])


def test_a_pixel_without_depth_is_nowhere():
    depth = np.ones((2, 2), np.float32)
    depth[0, 1] = 0
    world = unproject(depth, K, np.eye(4))
    assert np.isnan(world[0, 1]).all()
    assert np.isfinite(world[1]).all()


def test_a_point_behind_the_camera_has_no_pixel():
    pixels, depth = project(np.array([[0.0, 0, -1], [0, 0, 1]]), K, np.eye(4))
    assert np.isnan(pixels[0]).all()
    assert pixels[1].tolist() == [2, 1]
    assert depth.tolist() == [-1, 1]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_projecting_what_was_unprojected_returns_every_pixel(seed: int):
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0.3, 8, (4, 6))
    camera = pose(Rotation.random(rng=rng).as_matrix(), rng.normal(size=3).tolist())
    pixels, away = project(unproject(depth, K, camera).reshape(-1, 3), K, camera)
    rows, columns = np.mgrid[:4, :6]
    assert np.allclose(pixels, np.stack([columns, rows], axis=-1).reshape(-1, 2), atol=1e-9)
    assert np.allclose(away, depth.reshape(-1))
