import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.geometry import neighbours
from hcfres.geometry.neighbours import point_grid


def readable_query(points, radius, queries, count, order):
    """Every distance, filtered and sorted."""
    found = np.full((len(queries), count), -1)
    for row, query in enumerate(queries):
        squared = ((points - query) ** 2).sum(axis=1)
        within = [i for i in range(len(points)) if squared[i] < radius**2]
        if order == "nearest":
            within.sort(key=lambda i: (squared[i], i))
        found[row, : len(within[:count])] = within[:count]
    return found


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 10_000),
    st.integers(0, 60),
    st.sampled_from([0.05, 0.3, 2.0]),
    st.sampled_from([1, 3, 25]),
    st.sampled_from(["nearest", "index"]),
)
def test_the_grid_finds_what_brute_force_finds(seed, size, radius, count, order):
    rng = np.random.default_rng(seed)
    points = np.round(rng.uniform(-1, 1, (size, 3)), 1)  # equal distances and shared places
    queries = np.concatenate([rng.uniform(-1.5, 1.5, (20, 3)), points[:10]])
    found, counts = point_grid(points, radius).query(queries, count, order)
    assert found.tolist() == readable_query(points, radius, queries, count, order).tolist()
    assert counts.tolist() == (found >= 0).sum(axis=1).tolist()


def test_a_point_at_exactly_the_radius_is_not_a_neighbour():
    grid = point_grid(np.array([[0.5, 0, 0], [0.25, 0, 0]]), 0.5)
    assert grid.query(np.zeros((1, 3)), 2)[0].tolist() == [[1, -1]]


def test_the_nearest_are_kept_or_the_first_in_order():
    points = np.array([[0.3, 0, 0], [0.2, 0, 0], [0.1, 0, 0]])
    grid = point_grid(points, 1.0)
    assert grid.query(np.zeros((1, 3)), 2, "nearest")[0].tolist() == [[2, 1]]
    assert grid.query(np.zeros((1, 3)), 2, "index")[0].tolist() == [[0, 1]]


def test_a_query_that_is_nowhere_has_no_neighbours():
    grid = point_grid(np.zeros((1, 3)), 1.0)
    queries = np.array([[np.nan, 0, 0], [np.inf, 0, 0], [0, 0, 1e300], [0, 0, 0]])
    assert grid.query(queries, 1)[1].tolist() == [0, 0, 0, 1]


def test_far_apart_points_do_not_take_more_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(neighbours, "MAX_CELLS", 64)
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(0, 1, (200, 3)), [[1e6, -1e6, 1e6]]])
    grid = point_grid(points, 0.1)
    assert len(grid.cell_starts) <= 65
    found, _ = grid.query(points, 5)
    assert found.tolist() == readable_query(points, 0.1, points, 5, "nearest").tolist()


def test_points_that_cannot_be_searched_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        point_grid(np.array([[np.nan, 0, 0]]), 0.1)
    with pytest.raises(ValueError, match="positive"):
        point_grid(np.zeros((1, 3)), 0.0)
