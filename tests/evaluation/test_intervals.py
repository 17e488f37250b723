"""Counting in run lengths against counting in the masks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hcfres.evaluation.intervals import common_counts, intervals_of, merged
from hcfres.evaluation.runs import encode_runs

shapes = st.tuples(st.integers(0, 6), st.integers(0, 30))
pairs = shapes.flatmap(lambda shape: st.tuples(*[hnp.arrays(bool, shape)] * 2))


def on_the_line(masks, points, rows=None):
    runs = [encode_runs(mask).astype(np.int64) for mask in masks]
    lengths = np.concatenate([np.zeros(0, np.int64), *runs])
    rows = np.arange(len(masks)) if rows is None else np.asarray(rows, np.int64)
    counts = np.array([len(run) for run in runs], np.int64)
    return intervals_of(lengths, counts, rows * points, rows)


def test_two_masks_by_hand():
    one = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]], dtype=bool)
    found = on_the_line(one, 5)
    assert found.rows.tolist() == [0, 0, 1]
    assert found.starts.tolist() == [1, 4, 5]
    assert found.ends.tolist() == [3, 5, 7]
    assert found.counts(2).tolist() == [3, 2]


@given(pairs)
def test_counts_are_those_of_the_masks(pair):
    one, other = pair
    rows, points = one.shape
    first, second = on_the_line(one, points), on_the_line(other, points)
    assert first.counts(rows).tolist() == one.sum(1).tolist()
    assert common_counts(first, second, rows).tolist() == (one & other).sum(1).tolist()


@given(hnp.arrays(bool, st.tuples(st.integers(0, 8), st.integers(1, 20))), st.data())
def test_merged_masks_are_their_union(masks, data):
    count = 3
    rows = sorted(data.draw(st.lists(st.integers(0, count - 1), min_size=len(masks),
                                     max_size=len(masks))))  # fmt: skip
    points = masks.shape[1]
    union = np.zeros((count, points), dtype=bool)
    for row, mask in zip(rows, masks, strict=True):
        union[row] |= mask
    expected = on_the_line(union, points)
    found = merged(on_the_line(masks, points, rows))
    for name in ("rows", "starts", "ends"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
