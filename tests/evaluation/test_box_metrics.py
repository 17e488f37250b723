"""Multi3DRefer's F1 with numbers worked out by hand, and against trying every pairing."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcfres.data.expression import EVAL_TYPES
from hcfres.evaluation.box_metrics import box_f1, box_metrics
from hcfres.evaluation.boxes import box_ious, stacked
from hcfres.evaluation.groups import GROUPS

A, B, C = [0.0, 0, 0, 1, 1, 1], [4.0, 0, 0, 5, 1, 1], [8.0, 0, 0, 9, 1, 1]
HALF_OF_A = [0.0, 0, 0, 1, 1, 0.5]
QUARTER_OF_A = [0.0, 0, 0, 1, 1, 0.25]
THIRD_OF_A = [0.5, 0, 0, 1.5, 1, 1]


def f1(predicted, targets):
    return box_f1(stacked(predicted), stacked(targets))


def test_an_answer_that_is_right_scores_one():
    assert f1([A], [A]) == (1, 1)
    assert f1([B, A], [A, B]) == (1, 1)


def test_an_iou_of_exactly_a_quarter_or_a_half_is_a_hit():
    assert f1([QUARTER_OF_A], [A]) == (1, 0)
    assert f1([HALF_OF_A], [A]) == (1, 1)


def test_two_of_three_targets_and_one_box_too_many():
    # TP = 2 of 3 predicted and 3 targets: F1 = 2 * 2 / 6; the third of A is no hit from 0.5 on
    found = f1([THIRD_OF_A, B, [20, 0, 0, 21, 1, 1]], [A, B, C])
    assert found == pytest.approx((2 / 3, 1 / 3))


def test_a_second_box_for_the_same_target_is_wrong():
    assert f1([A, A], [A]) == (2 / 3, 2 / 3)


def test_boxes_are_paired_so_that_the_sum_of_ious_is_largest():
    # one box covers half of both targets; greedily it would take the wrong one
    wide, narrow = [0.0, 0, 0, 2, 1, 1], [0.0, 0, 0, 1, 1, 1]
    targets = [[0.0, 0, 0, 1, 1, 1], [1.0, 0, 0, 2, 1, 1]]
    assert f1([wide, narrow], targets) == (1, 1)


def test_nothing_is_right_exactly_where_there_is_no_target():
    assert f1([], []) == (1, 1)
    assert f1([A], []) == (0, 0)
    assert f1([], [A]) == (0, 0)


def test_groups_average_their_expressions():
    scores = np.array([[1.0, 1.0], [0.0, 0.0], [1.0, 0.5]])
    groups = box_metrics(["zt_w_d", "st_w_d", "mt"], scores).groups
    assert (groups["all"].f1_25, groups["all"].f1_50) == (2 / 3, 0.5)
    assert groups["with_target"].f1_25 == 0.5
    assert math.isnan(groups["zt_wo_d"].f1_25)
    assert "zt_wo_d/f1_25" not in box_metrics(["mt"], scores[:1]).flat()


number = st.floats(0, 4, width=16)
box = st.tuples(number, number, number, number, number, number).map(
    lambda n: [*map(min, n[:3], n[3:]), *map(max, n[:3], n[3:])]
)


@given(st.lists(box, max_size=3), st.lists(box, max_size=3))
def test_the_f1_is_that_of_the_best_of_all_pairings(predicted, targets):
    if not predicted or not targets:
        expected = (float(not predicted and not targets),) * 2
        assert f1(predicted, targets) == expected
        return
    ious = box_ious(stacked(predicted), stacked(targets))
    size = max(ious.shape)
    square = np.zeros((size, size))
    square[: ious.shape[0], : ious.shape[1]] = ious
    pairings = [
        [square[i, j] for i, j in enumerate(p)] for p in itertools.permutations(range(size))
    ]
    best = max(map(sum, pairings))
    total = len(predicted) + len(targets)
    possible = [
        tuple(2 * sum(iou >= k for iou in ious) / total for k in (0.25, 0.5))
        for ious in pairings
        if sum(ious) >= best - 1e-12
    ]
    assert f1(predicted, targets) in possible


rows = st.lists(st.tuples(st.sampled_from(EVAL_TYPES), st.floats(0, 1), st.floats(0, 1)))


@given(rows)
def test_the_groups_agree_with_a_loop(told):
    scores = np.array([row[1:] for row in told]).reshape(-1, 2)
    found = box_metrics([row[0] for row in told], scores).groups
    for group, members in GROUPS.items():
        mine = [row for row in told if row[0] in members]
        assert found[group].count == len(mine)
        if mine:
            assert found[group].f1_50 == pytest.approx(sum(row[2] for row in mine) / len(mine))
