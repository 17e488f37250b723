"""Boxes around masks, by hand and against loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcfres.evaluation.boxes import aligned, box_ious, box_of, distinct, group_boxes, stacked

VERTICES = np.array([[0, 0, 0], [2, 1, 0], [1, 3, 5], [9, 9, 9]], np.float32)
UNIT = [0.0, 0, 0, 1, 1, 1]


def test_a_box_goes_from_the_lowest_to_the_highest_coordinates():
    found = box_of(VERTICES, np.array([True, True, True, False]))
    assert found.tolist() == [0, 0, 0, 2, 3, 5]
    assert box_of(VERTICES, np.zeros(4, dtype=bool)) is None


def test_groups_have_their_boxes_and_an_empty_one_has_none():
    found = group_boxes(VERTICES, np.array([2, 0, 2, 2]), 3)
    assert found[0].tolist() == [2, 1, 0, 2, 1, 0]
    assert np.isnan(found[1]).all()
    assert found[2].tolist() == [0, 0, 0, 9, 9, 9]


def test_boxes_are_measured_in_the_aligned_frame():
    turned = np.eye(4)
    turned[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    turned[:3, 3] = [10, 0, 0]
    assert aligned(VERTICES[1:2], turned).tolist() == [[9, 2, 0]]


@pytest.mark.parametrize(
    ("other", "iou"),
    [
        (UNIT, 1.0),
        ([0.5, 0, 0, 1.5, 1, 1], 1 / 3),
        ([0, 0, 0, 1, 1, 0.25], 0.25),
        ([1, 0, 0, 2, 1, 1], 0.0),
        ([5, 5, 5, 6, 6, 6], 0.0),
    ],
)
def test_the_iou_of_boxes_by_hand(other, iou):
    assert box_ious(stacked([UNIT]), stacked([other]))[0, 0] == pytest.approx(iou, abs=1e-12)


def test_flat_boxes_have_no_volume_to_share():
    flat = stacked([[0, 0, 0, 1, 1, 0]])
    assert box_ious(flat, flat).tolist() == [[0.0]]


def test_of_two_boxes_of_one_object_the_first_is_left():
    boxes = stacked([UNIT, [0.1, 0, 0, 1.1, 1, 1], [4, 4, 4, 5, 5, 5], UNIT])
    assert distinct(boxes, 0.5).tolist() == [0, 2]
    assert distinct(boxes, 0.9).tolist() == [0, 1, 2]


corner = st.tuples(*[st.integers(0, 6)] * 3)
boxes = st.lists(st.tuples(corner, corner), min_size=1, max_size=4)


@given(boxes, boxes)
def test_the_iou_counts_the_cells_of_a_grid(ones, others):
    first, second = (
        stacked([np.concatenate([np.minimum(*b), np.maximum(*b)]) for b in some])
        for some in (ones, others)
    )
    grid = np.stack(np.meshgrid(*[np.arange(6) + 0.5] * 3, indexing="ij"), -1).reshape(-1, 3)
    inside = [
        ((grid > box[:3]) & (grid < box[3:])).all(-1) for boxes in (first, second) for box in boxes
    ]
    found = box_ious(first, second)
    for row, one in enumerate(inside[: len(first)]):
        for column, other in enumerate(inside[len(first) :]):
            union = (one | other).sum()
            expected = (one & other).sum() / union if union else 0
            assert found[row, column] == pytest.approx(expected)
