"""Depth images become one cloud: means by hand, a bounded table, and what is not believed."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hcfres.geometry.fusion import VoxelFusion, on_surfaces, seen_through

K = np.array([[10.0, 0, 4.5], [0, 10.0, 3.5], [0, 0, 1]])


def fused(*frames, voxel=0.5, **sizes):
    fusion = VoxelFusion(voxel, **sizes)
    for points, colours, weights in frames:
        fusion.add(np.array(points, float), np.array(colours, np.uint8), np.array(weights, float))
    return fusion


def test_a_voxel_holds_the_weighted_mean():
    """(0.1 * 1 + 0.3 * 3) / 4 = 0.25; colour (100 + 3 * 20) / 4 = 40; by hand."""
    cloud = fused(([[0.1, 0, 0], [0.3, 0, 0]], [[100] * 3, [20] * 3], [1, 3])).cloud()
    assert np.allclose(cloud.points, [[0.25, 0, 0]])
    assert cloud.colours.tolist() == [[40, 40, 40]]
    assert cloud.frames.tolist() == [1]
    assert cloud.voxel_m == 0.5


def test_frames_are_counted_once_a_voxel():
    point = ([[-0.1, -0.1, -0.1]] * 3, [[9] * 3] * 3, [1, 1, 1])
    other = ([[2, 2, 2]], [[9] * 3], [1])
    fusion = fused(point, point, other)
    assert fusion.cloud().frames.tolist() == [2, 1]
    assert len(fusion.cloud(least_frames=2).points) == 1
    assert np.allclose(fusion.cloud(2).points, [[-0.1] * 3]), "below 0 is another voxel"


points = arrays(np.float64, st.tuples(st.integers(0, 40), st.just(3)), elements=st.floats(-3, 3))


@settings(max_examples=60, deadline=None)
@given(st.lists(points, max_size=3), st.sampled_from([0.1, 0.5, 2.0]))
def test_the_table_is_a_dictionary_of_voxels(frames, voxel):
    """The readable reference."""
    fusion = VoxelFusion(voxel)
    reference = defaultdict(list)
    for found in frames:
        fusion.add(found, np.zeros((len(found), 3), np.uint8), np.ones(len(found)))
        for point in found:
            reference[tuple(np.floor(point * (1 / voxel)).astype(int).tolist())].append(point)
    cloud = fusion.cloud()
    assert len(cloud.points) == len(reference) == len(fusion)
    wanted = [np.mean(reference[key], axis=0) for key in sorted(reference)]
    if wanted:
        assert np.allclose(cloud.points, wanted, atol=1e-4)


def test_a_full_table_takes_larger_voxels_and_keeps_the_mean():
    rng = np.random.default_rng(0)
    places = rng.uniform(-2, 2, (5000, 3))
    fusion = fused((places, np.full((5000, 3), 50), np.ones(5000)), voxel=0.05, most_voxels=300)
    cloud = fusion.cloud()
    assert len(fusion) <= 300
    assert cloud.voxel_m == 0.8, "four times doubled: at most 6 ** 3 voxels; 0.4 would be 10 ** 3"
    cell = np.floor(cloud.points / cloud.voxel_m)
    assert len(np.unique(cell, axis=0)) == len(cell), "one point a voxel"
    weights = [(np.floor(places / cloud.voxel_m) == c).all(axis=1) for c in cell]
    means = np.array([places[chosen].mean(axis=0) for chosen in weights])
    assert np.allclose(cloud.points, means, atol=1e-3)
    assert (cloud.colours == 50).all()


def test_a_growing_table_forgets_nothing():
    grid = np.stack(np.meshgrid(*[np.arange(32)] * 3), -1).reshape(-1, 3) + 0.25
    fusion = VoxelFusion(1.0)
    for part in np.array_split(grid, 5):
        fusion.add(part, np.full((len(part), 3), 7, np.uint8), np.ones(len(part)))
    cloud = fusion.cloud()
    assert len(cloud.points) == 32**3
    assert np.allclose(np.sort(cloud.points, axis=0), np.sort(grid, axis=0))


def test_nothing_added_is_an_empty_cloud():
    assert len(VoxelFusion(0.02).cloud().points) == 0
    fusion = fused((np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0)))
    assert len(fusion.cloud().points) == 0


@pytest.mark.parametrize("point", [[np.nan, 0, 0], [np.inf, 0, 0], [1e9, 0, 0]])
def test_points_beyond_the_table_are_refused(point):
    with pytest.raises(ValueError, match="points lie beyond"):
        fused(([point], [[0] * 3], [1]))


def test_a_voxel_has_a_size():
    with pytest.raises(ValueError, match="must be positive, not 0"):
        VoxelFusion(0.0)


def test_depth_confirms_contradicts_or_says_nothing():
    """The camera looks along +z at a wall 2 m away; 3 % of the depth either way."""
    depth = np.full((8, 10), 2.0)
    depth[0] = 0
    looked_at = {
        "on it": ([0, 0, 2.03], (True, False)),
        "little before": ([0, 0, 1.95], (True, False)),
        "before": ([0, 0, 1.7], (False, True)),
        "between": ([0, 0, 1.9], (False, False)),
        "behind": ([0, 0, 2.5], (False, False)),
        "without depth": ([0, -0.7, 2.0], (False, False)),
        "outside": ([5, 0, 2.0], (False, False)),
        "behind the camera": ([0, 0, -2.0], (False, False)),
    }
    places = np.array([point for point, _ in looked_at.values()])
    confirmed, contradicted = seen_through(places, depth, K, np.eye(4))
    found = list(zip(confirmed.tolist(), contradicted.tolist(), strict=True))
    assert found == [said for _, said in looked_at.values()]


def test_the_border_of_an_object_is_not_believed():
    depth = np.full((4, 6), 3.0)
    depth[:, 3:] = 1.0
    depth[0, 0] = 0
    good = on_surfaces(depth)
    wanted = np.ones((4, 6), bool)
    wanted[:, 2:4] = False
    wanted[0, 0] = False
    assert np.array_equal(good, wanted)
    slope = np.linspace(1, 1.2, 6)[None].repeat(4, 0)
    assert on_surfaces(slope).all()
