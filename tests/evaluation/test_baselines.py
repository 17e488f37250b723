"""Predictors that do not read the sentence, and those that read the truth."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcfres.data.scene import NO_OBJECT
from hcfres.evaluation import baselines
from hcfres.evaluation.answers import scene_truth
from tests.evaluation.scenes import make_expression, make_scene, make_truth


def ious(name, min_points=10):
    truth = make_truth()
    masks = baselines.PREDICTORS[name](truth, np.random.default_rng(0))
    return baselines.score_masks(truth, masks, min_points).ious.tolist()


def test_nothing_is_right_for_the_two_sentences_without_a_target():
    assert ious("nothing") == [0, 0, 0, 1, 1]


def test_everything_covers_each_target_and_far_too_much():
    assert ious("everything") == [20 / 80, 40 / 80, 10 / 80, 0, 0]


def test_the_class_oracle_answers_with_all_chairs():
    assert ious("class_oracle") == [20 / 40, 1, 1, 1, 0]


def test_whole_superpoints_can_answer_perfectly_here():
    assert ious("best_superpoints") == [1, 1, 1, 1, 1]


def scan_of(labels, instances, *targets):
    """A scan of nothing but superpoints and objects, with a sentence for each set of targets."""
    scene = make_scene()
    count = len(labels)
    scene = replace(
        scene,
        vertices=np.zeros((count, 3), np.float32),
        colours=np.zeros((count, 3), np.uint8),
        instances=np.array(instances),
        semantics=np.zeros(count, np.int64),
    )
    truth = scene_truth(scene, np.array(labels), ())
    expressions = tuple(make_expression(ids, ann_id=n) for n, ids in enumerate(targets))
    owned = [np.isin(scene.instances, ids) for ids in targets]
    true = np.array([np.bincount(truth.labels[own], minlength=truth.sizes.size) for own in owned])
    return replace(truth, expressions=expressions, true=true)


def score_of_best(truth):
    masks = baselines.best_superpoints(truth, np.random.default_rng(0))
    return baselines.score_masks(truth, masks, min_points=0).ious.tolist()


def test_a_target_that_fills_less_than_half_of_its_superpoint_is_answered_with_it():
    instances = [3] * 10 + [NO_OBJECT] * 20
    truth = scan_of([0] * 25 + [1] * 5, instances, (3,), ())
    assert score_of_best(truth) == [10 / 25, 1.0]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(3, 5)), min_size=1, max_size=24))
def test_no_union_of_superpoints_scores_higher_than_the_best(pairs):
    labels, instances = (np.array(column) for column in zip(*pairs, strict=True))
    _, labels = np.unique(labels, return_inverse=True)
    truth = scan_of(labels, instances, (3,), (3, 4), ())
    unions = list(product((False, True), repeat=truth.sizes.size))
    masks = np.array(unions)[:, labels]
    for index, ours in enumerate(score_of_best(truth)):
        target = truth.target(index)
        common, whole = (masks & target).sum(1), (masks | target).sum(1)
        most = (common / np.maximum(whole, 1)).max() if target.any() else 0.0
        assert ours == (1.0 if truth.zero_target[index] else pytest.approx(most))


def test_the_random_object_depends_on_the_seed_alone():
    truth = make_truth()
    first, again = (baselines.random_object(truth, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, again)
    assert set(first.sum(1)) <= {10, 20}


def test_the_fast_score_of_superpoints_equals_the_score_of_vertices():
    from hcfres.evaluation.answers import score  # noqa: PLC0415

    truth = make_truth()
    chosen = np.random.default_rng(1).random((5, 8)) < 0.4
    fast = score(truth, chosen, chosen.any(1), min_points=15)
    slow = baselines.score_masks(truth, chosen[:, truth.labels], min_points=15)
    assert fast.ious.tolist() == pytest.approx(slow.ious.tolist(), abs=0)


def test_the_random_object_is_never_the_room_itself():
    truth = make_truth()
    walls = tuple(replace(thing, nyu40=1) for thing in truth.scene.objects[1:])
    scene = replace(truth.scene, objects=(truth.scene.objects[0], *walls))
    drawn = baselines.random_object(replace(truth, scene=scene), np.random.default_rng(0))
    assert (drawn == (scene.instances == 3)).all()
