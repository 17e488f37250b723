"""Generated scenes."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from hcfres.evaluation.cost.scenes import SENTENCES, Cloud, Widths, generated_scene, surface_points


@pytest.mark.parametrize(("points", "superpoints"), [(1, 1), (40, 7), (5_000, 100), (20_000, 300)])
def test_a_scene_has_the_numbers_that_were_asked_for(points, superpoints):
    scene = generated_scene(Cloud(points, superpoints, 0.05), Widths(dense=6, instance=0))
    assert len(scene.coordinates) == points
    assert scene.superpoint_counts == (superpoints,)
    assert scene.superpoint_of_point.bincount(minlength=superpoints).min() >= 1
    assert int(scene.voxels.min()) == 0
    assert scene.dense.shape == (superpoints, 6)
    assert scene.instance is None


def test_points_lie_about_as_far_apart_as_asked_for():
    points = surface_points(20_000, 0.02, np.random.default_rng(0))
    nearest = cKDTree(points).query(points, k=2)[0][:, 1]
    assert 0.008 < np.median(nearest) < 0.02


def test_as_many_voxels_are_occupied_as_in_rooms():
    scene = generated_scene(Cloud(18_000, 300, 0.05), Widths(0, 0))
    assert 0.65 < len(scene.voxels.unique(dim=0)) / 18_000 < 0.85  # a validation room: 0.75


def test_the_same_seed_gives_the_same_scene():
    one, same, other = (generated_scene(Cloud(300, 9, 0.05), Widths(2, 2), s) for s in (0, 0, 1))
    assert one.coordinates.equal(same.coordinates)
    assert one.instance.equal(same.instance)
    assert not one.coordinates.equal(other.coordinates)


def test_more_superpoints_than_points_are_refused():
    with pytest.raises(ValueError, match="5 superpoints of 4 points"):
        generated_scene(Cloud(4, 5, 0.05), Widths(0, 0))


def test_sentences_differ_and_are_of_one_length():
    words = [len(sentence.split()) for sentence in SENTENCES]
    assert len(set(SENTENCES)) == len(SENTENCES)
    assert max(words) - min(words) <= 4
