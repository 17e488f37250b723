"""Predictors that do not read the sentence, and those that read the truth."""

from dataclasses import replace

import numpy as np
import pytest

from hcfres.evaluation import baselines
from tests.evaluation.scenes import make_truth


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
