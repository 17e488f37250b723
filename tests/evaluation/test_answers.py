"""From queries to one answer an expression."""

from dataclasses import replace

import numpy as np
import pytest

from hcfres.data.errors import DataError
from hcfres.evaluation.answers import join_answers, scene_truth, score
from tests.evaluation.scenes import (
    EXPRESSIONS,
    LABELS,
    answers_of,
    make_expression,
    make_scene,
    make_truth,
)


def answers(indicators, logits, rule="gres"):
    return answers_of([indicators], [logits], rule)


def test_the_answer_is_the_union_of_the_queries_that_fired():
    found = answers([0.6, 0.9, 0.1], [[1, -1, -1], [-1, 2, -1], [5, 5, 5]])
    assert found.union.tolist() == [[1, 2, -1]]
    assert found.chosen.tolist() == [[True, True, False]]


def test_a_probability_of_a_half_does_not_fire():
    found = answers([0.5, 0.2], [[1, 1], [1, 1]])
    assert not found.fired.any()
    assert not found.chosen.any()


def test_for_scanrefer_the_likeliest_query_answers_alone_and_always():
    found = answers([0.2, 0.4], [[1, 1], [-1, 1]], rule="res")
    assert found.fired.tolist() == [[False, True]]
    assert found.chosen.tolist() == [[False, True]]


def test_a_logit_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="logits are not finite"):
        answers([0.6], [[float("nan")]])


def test_answers_of_groups_are_put_one_after_the_other():
    first, second = answers([0.6], [[1, -1]]), answers([0.1], [[1, 1]])
    assert join_answers([first, second]).chosen.tolist() == [[True, False], [False, False]]


def test_target_vertices_are_counted_by_superpoint():
    truth = make_truth()
    assert truth.true[1].tolist() == [10, 10, 10, 10, 0, 0, 0, 0]
    assert truth.zero_target.tolist() == [False, False, False, True, True]
    assert truth.target(2).sum() == 10


def test_answers_are_scored_by_the_rule():
    truth = make_truth()
    chosen = np.zeros((5, 8), dtype=bool)
    chosen[0, [0, 2]] = True  # half of chair 3, half of another: 10 / 30
    chosen[1, :4] = True
    chosen[4, 0] = True
    fired = np.array([True, True, True, False, True])
    scores = score(truth, chosen, fired, min_points=10)
    assert scores.ious.tolist() == [1 / 3, 1, 0, 1, 0]
    assert scores.nothing.tolist() == [False, False, True, True, False]


def test_an_object_the_scan_does_not_hold_is_an_error_that_names_it():
    unknown = (*EXPRESSIONS, make_expression((99,), ann_id=9))
    with pytest.raises(DataError, match="no vertex of object 99"):
        scene_truth(make_scene(), LABELS, unknown)


def test_hidden_targets_are_no_truth():
    hidden = (EXPRESSIONS[0], replace(EXPRESSIONS[1], hidden=True), EXPRESSIONS[3])
    with pytest.raises(DataError) as error:
        scene_truth(make_scene(), LABELS, hidden)
    said = str(error.value)
    assert "scene0000_00" in said
    assert "there is nothing to score against; 1 problem" in said
    assert "scene0000_00|3_5|1: its targets are hidden" in said
