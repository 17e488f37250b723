"""Random changes of a scene: what each does, and that switching it off leaves it out."""

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import convolve

from hcfres.config.setting import AugmentConfig
from hcfres.data.augment import augment, distort, linear_map

OFF = AugmentConfig(jitter=0.0, flip=0.0, rotate=False, colour=0.0, elastic=False)
FULL = AugmentConfig(jitter=0.1, flip=0.5, rotate=True, colour=0.1, elastic=True)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def cloud(rng):
    points = rng.random((500, 3)) * (6, 4, 2.5)
    return points - points.mean(axis=0), rng.uniform(-1, 1, (500, 3))


@pytest.mark.parametrize("config", [None, OFF])
def test_switched_off_nothing_changes(cloud, rng, config):
    found = augment(*cloud, 0.02, rng, config)
    assert np.array_equal(found.coordinates, cloud[0].astype(np.float32))
    assert np.array_equal(found.colours, cloud[1].astype(np.float32))


def test_voxels_start_at_zero_and_are_as_wide_as_said(rng):
    points = np.array([[-1.0, 0, 0], [-0.981, 0.05, 0], [-0.979, 0.019, 0.0]])
    found = augment(points, np.zeros((3, 3)), 0.02, rng, None)
    assert found.voxels.tolist() == [[0, 0, 0], [0, 2, 0], [1, 0, 0]]


def test_without_augmentation_nothing_is_drawn(cloud, rng):
    before = rng.bit_generator.state
    augment(*cloud, 0.02, rng, None)
    assert rng.bit_generator.state == before


def test_equal_generators_give_equal_scenes_and_the_input_is_left_alone(cloud):
    kept = [array.copy() for array in cloud]
    one, two = (augment(*cloud, 0.02, np.random.default_rng(4), FULL) for _ in range(2))
    assert np.array_equal(one.voxels, two.voxels)
    assert np.array_equal(one.coordinates, two.coordinates)
    assert np.array_equal(one.colours, two.colours)
    assert all(np.array_equal(a, b) for a, b in zip(kept, cloud, strict=True))
    other = augment(*cloud, 0.02, np.random.default_rng(5), FULL)
    assert not np.array_equal(one.voxels, other.voxels)


def changed(**values):
    return AugmentConfig(**OFF.model_dump() | values)


def test_a_flip_reverses_x_alone(rng):
    assert np.array_equal(linear_map(rng, changed(flip=1.0)), np.diag([-1.0, 1, 1]))


def test_flips_come_as_often_as_said(rng):
    signs = [linear_map(rng, changed(flip=0.25))[0, 0] for _ in range(2000)]
    assert abs(signs.count(-1.0) / 2000 - 0.25) < 0.04


def test_a_turn_is_about_the_vertical_and_any_angle_comes(rng):
    maps = np.stack([linear_map(rng, changed(rotate=True)) for _ in range(400)])
    assert np.allclose(maps @ maps.transpose(0, 2, 1), np.eye(3))
    assert np.allclose(maps[:, 2], [0, 0, 1])
    assert np.allclose(np.linalg.det(maps), 1)
    angles = np.arctan2(maps[:, 0, 1], maps[:, 0, 0])
    assert np.histogram(angles, 4, (-np.pi, np.pi))[0].min() > 60


def test_jitter_has_the_spread_that_was_said(rng):
    noise = np.stack([linear_map(rng, changed(jitter=0.1)) for _ in range(2000)]) - np.eye(3)
    assert np.allclose(noise.mean(axis=0), 0, atol=0.01)
    assert np.allclose(noise.std(axis=0), 0.1, atol=0.01)


def test_all_points_get_one_colour_offset(cloud, rng):
    found = augment(*cloud, 0.02, rng, changed(colour=0.1))
    offsets = found.colours - cloud[1]
    assert np.ptp(offsets, axis=0).max() < 1e-6
    assert np.abs(offsets[0]).max() > 0.01


def test_the_distortion_moves_voxels_not_coordinates(cloud, rng):
    found = augment(*cloud, 0.02, rng, changed(elastic=True))
    plain = augment(*cloud, 0.02, rng, None)
    assert np.array_equal(found.coordinates, plain.coordinates)
    assert not np.array_equal(found.voxels, plain.voxels)
    assert found.voxels.min(axis=0).tolist() == [0, 0, 0]


def distort_readably(places, granularity, magnitude, rng):
    """The recipe step by step: separate blurs, an interpolator over explicit node positions."""
    count = np.abs(places).max(axis=0).astype(int) // granularity + 3
    fields = [rng.standard_normal(tuple(count), dtype=np.float32) for _ in range(3)]
    axes = [np.linspace(-(n - 1) * granularity, (n - 1) * granularity, n) for n in count]
    moved = places.copy()
    for axis in range(3):
        field = fields[axis]
        for _ in range(2):
            for shape in ((3, 1, 1), (1, 3, 1), (1, 1, 3)):
                field = convolve(field, np.full(shape, 1 / 3), mode="constant", cval=0)
        inside = RegularGridInterpolator(axes, field, bounds_error=False, fill_value=0)
        moved[:, axis] += inside(places) * magnitude
    return moved


@pytest.mark.parametrize(("granularity", "magnitude"), [(6, 40.0), (20, 160.0)])
@pytest.mark.parametrize("count", [0, 1, 300])
def test_the_distortion_equals_the_readable_one(rng, count, granularity, magnitude):
    places = rng.uniform(-150, 150, (count, 3))
    found = distort(places, granularity, magnitude, np.random.default_rng(2))
    if not count:
        assert found.shape == (0, 3)
        return
    expected = distort_readably(places, granularity, magnitude, np.random.default_rng(2))
    assert np.allclose(found, expected, atol=1e-3), "float32 blurs, times 160"
    assert np.abs(found - places).max() > 0.1


def test_neighbours_are_pushed_alike(rng):
    """Smooth: two points a tenth of a node apart move by almost the same."""
    places = rng.uniform(-100, 100, (400, 3))
    near = distort(places + 0.2, 20, 160.0, np.random.default_rng(3)) - (places + 0.2)
    here = distort(places, 20, 160.0, np.random.default_rng(3)) - places
    assert np.abs(near - here).max() < 2
    assert np.abs(here).max() > 10
