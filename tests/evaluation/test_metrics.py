"""Point-level IoU and the zero-target rule, with numbers worked out by hand."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hcfres.evaluation.metrics import (
    Overlap,
    accuracy,
    answers_nothing,
    intersection_over_union,
    mean_iou,
    overlap,
    superpoint_overlap,
)


def counts(predicted, true, common):
    return Overlap(np.array([predicted]), np.array([true]), np.array([common]))


def iou(found, fired=True, min_points=50, zero_target=False):
    nothing = answers_nothing(found, np.array([fired]), min_points)
    return intersection_over_union(found, nothing, np.array([zero_target]))[0]


def test_the_iou_is_common_over_either():
    assert iou(counts(100, 80, 60)) == 60 / 120


def test_an_iou_of_exactly_a_quarter_or_a_half_is_a_miss():
    assert accuracy(np.array([iou(counts(80, 70, 30))]), 0.25) == 0
    assert accuracy(np.array([iou(counts(80, 70, 50))]), 0.5) == 0
    assert accuracy(np.array([0.25, np.nextafter(0.25, 1)]), 0.25) == 0.5


def test_forty_nine_points_are_nothing_and_fifty_are_an_answer():
    assert iou(counts(49, 60, 49)) == 0
    assert iou(counts(50, 60, 50)) == 50 / 60


def test_nothing_is_right_exactly_where_there_is_no_target():
    silent = counts(0, 0, 0)
    assert iou(silent, fired=False, zero_target=True) == 1
    assert iou(counts(49, 0, 0), zero_target=True) == 1
    assert iou(counts(50, 0, 0), zero_target=True) == 0
    assert iou(counts(0, 60, 0), fired=False) == 0


def test_a_mask_counts_for_nothing_when_no_query_fired():
    assert iou(counts(60, 60, 60), fired=False) == 0


def test_scores_of_no_expression_are_not_numbers():
    assert math.isnan(mean_iou(np.zeros(0)))
    assert math.isnan(accuracy(np.zeros(0), 0.25))


shapes = st.tuples(st.integers(0, 5), st.integers(0, 40))
masks = shapes.flatmap(lambda shape: st.tuples(*[hnp.arrays(bool, shape)] * 2))


@given(masks, st.integers(0, 20))
def test_the_arrays_agree_with_a_loop_over_sets(pair, min_points):
    predicted, target = pair
    found = overlap(predicted, target)
    zero_target = ~target.any(1)
    nothing = answers_nothing(found, predicted.any(1), min_points)
    scores = intersection_over_union(found, nothing, zero_target)
    for row, score in enumerate(scores):
        said, meant = set(np.flatnonzero(predicted[row])), set(np.flatnonzero(target[row]))
        silent = not said or len(said) < min_points
        if not meant:
            expected = 1.0 if silent else 0.0
        else:
            expected = 0.0 if silent else len(said & meant) / len(said | meant)
        assert score == expected


@given(st.data())
def test_counts_over_superpoints_equal_counts_over_vertices(data):
    labels = data.draw(hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 6)))
    labels = np.unique(labels, return_inverse=True)[1]
    sizes = np.bincount(labels)
    target = data.draw(hnp.arrays(bool, (3, labels.size)))
    chosen = data.draw(hnp.arrays(bool, (3, sizes.size)))
    true = np.stack([np.bincount(labels, row, sizes.size) for row in target]).astype(np.int64)
    fast = superpoint_overlap(chosen, sizes, true)
    readable = overlap(chosen[:, labels], target)
    for name in ("predicted", "true", "common"):
        assert np.array_equal(getattr(fast, name), getattr(readable, name))
