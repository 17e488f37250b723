import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.geometry.sampling import farthest_points


def readable_farthest(points, count, start):
    """The definition: each time, of the points left, the one farthest from those chosen."""
    chosen = [start]
    while len(chosen) < min(count, len(points)):
        left = [i for i in range(len(points)) if i not in chosen]
        away = [min(((points[i] - points[j]) ** 2).sum() for j in chosen) for i in left]
        chosen.append(left[int(np.argmax(away))])
    return chosen


def test_the_farthest_comes_first_on_a_line():
    points = np.zeros((5, 3))
    points[:, 0] = [0, 1, 2, 3, 10]
    # From 0 the farthest is 10 (index 4); then 3, which is 3 from 0; then 1, tied with 2.
    assert farthest_points(points, 4).tolist() == [0, 4, 3, 1]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 25), st.integers(1, 30))
def test_it_equals_the_definition(seed: int, size: int, count: int):
    rng = np.random.default_rng(seed)
    points = np.round(rng.normal(size=(size, 3)), 1)
    start = int(rng.integers(size))
    assert farthest_points(points, count, start).tolist() == readable_farthest(points, count, start)


def test_no_index_repeats_even_where_points_coincide():
    assert sorted(farthest_points(np.zeros((6, 3)), 6)) == list(range(6))
    assert farthest_points(np.zeros((6, 3)), 9).shape == (6,)


def test_no_points_give_no_indices_and_a_wrong_start_is_refused():
    assert farthest_points(np.zeros((0, 3)), 4).shape == (0,)
    with pytest.raises(ValueError, match="start 3 is not one of the 3 points"):
        farthest_points(np.zeros((3, 3)), 2, start=3)


def test_points_near_the_origin_are_seeds_unless_the_legacy_kernel_is_asked_for():
    points = np.array([[1.0, 0, 0], [0.01, 0, 0], [0.5, 0, 0]])
    assert set(farthest_points(points, 3)) == {0, 1, 2}
    assert farthest_points(points, 3, skips_origin=True).tolist() == [0, 2, 0]
