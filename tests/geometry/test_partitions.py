import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.geometry.partitions import Side, adjusted_rand_index, compare_partitions
from hcfres.geometry.superpoints import compact


def readable_sides(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Purity and under-segmentation of `one`, segment by segment."""
    pure = leak = 0
    for segment in np.unique(one):
        parts = [np.sum((one == segment) & (other == part)) for part in np.unique(other)]
        pure += max(parts)
        leak += sum(min(part, sum(parts) - part) for part in parts)
    return pure / len(one), leak / len(one)


def test_the_adjusted_rand_index_of_a_known_pair():
    # Contingency [[2, 1], [0, 3]]: pairs together 1 + 3 = 4; within rows 3 + 3 = 6, within
    # columns 1 + 6 = 7, of 15 pairs: expected 6 * 7 / 15 = 2.8, best 6.5.
    one, other = np.array([0, 0, 0, 1, 1, 1]), np.array([5, 5, 2, 2, 2, 2])
    assert adjusted_rand_index(one, other) == pytest.approx((4 - 2.8) / (6.5 - 2.8))
    assert adjusted_rand_index(one, one + 7) == 1


def test_a_segment_cut_in_two_by_hand():
    """Ten vertices: 7, 8 and 9 here; there 7 is cut into four and two, and 8 and 9 are one.

    Overlaps (here, there): 7-a 4, 7-b 2, 8-c 1, 9-c 3.
    Purity here: the largest parts 4 + 1 + 3 of 10; there 4 + 2 + 3 of 10.
    Under-segmentation here: min(4, 2) + min(2, 4) + 0 + 0 = 4; there: 0 + 0 + min(1, 3) +
    min(3, 1) = 2.
    """
    one = np.array([7, 7, 7, 7, 7, 7, 8, 9, 9, 9])
    other = np.array([1, 1, 1, 1, 5, 5, 0, 0, 0, 0])
    found = compare_partitions(one, other)
    assert found.one == Side(3, (1, 3.0, 6), 0.8, 0.4)
    assert found.other == Side(3, (2, 4.0, 4), 0.9, 0.2)
    assert (found.vertices, found.common, found.equal) == (10, 0, False)


def test_partitions_that_differ_in_their_numbers_are_equal():
    one = np.array([4, 4, 9, 9, 2])
    found = compare_partitions(one, np.array([0, 0, 1, 1, 5]))
    assert found.equal and found.common == 3
    assert found.adjusted_rand == 1
    assert (found.one.purity, found.one.under_segmentation) == (1, 0)


def test_a_common_segment_is_counted_once_and_makes_nothing_equal():
    found = compare_partitions(np.array([0, 0, 1, 1]), np.array([3, 3, 1, 2]))
    assert (found.common, found.equal) == (1, False)


def test_no_vertices_at_all_agree():
    none = np.zeros(0, np.int64)
    found = compare_partitions(none, none)
    assert (found.vertices, found.one.segments, found.adjusted_rand) == (0, 0, 1.0)


LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=30)


@settings(deadline=None, max_examples=60)
@given(LABELS, st.randoms())
def test_the_table_equals_the_readable_count(labels, random):
    one = np.array(labels)
    other = np.array([random.randrange(4) for _ in labels])
    found = compare_partitions(one, other)
    for side, pair in ((found.one, (one, other)), (found.other, (other, one))):
        purity, leak = readable_sides(*pair)
        assert side.purity == pytest.approx(purity)
        assert side.under_segmentation == pytest.approx(leak)
        assert side.segments == len(np.unique(pair[0]))
    same = np.array_equal(compact(one), compact(other))
    assert found.equal == same
    assert (found.adjusted_rand == 1) == same or len(labels) == 1
