from dataclasses import replace

import numpy as np
import pytest

from hcfres.data.features import SuperpointFeatures
from hcfres.data.scene import NO_OBJECT, SceneObject
from hcfres.pipeline.samples import make_sample, object_shares, owners, relevance
from tests.pipeline.toys import LABELS, toy_expression, toy_prepared, toy_scene, toy_text

ONE = (toy_expression((3,), "the thing by the window"),)


def test_coordinates_are_the_scene_minus_its_mean_and_colours_lie_between_minus_one_and_one() -> (
    None
):
    sample = make_sample(toy_prepared(), ONE, toy_text([2], 2))
    np.testing.assert_allclose(sample.coordinates[:, 0], np.arange(8) - 3.5)
    np.testing.assert_allclose(sample.colours, 1)
    scene = replace(toy_scene(), colours=np.zeros((8, 3), dtype=np.uint8))
    dark = make_sample(replace(toy_prepared(), scene=scene), ONE, toy_text([2], 2))
    np.testing.assert_allclose(dark.colours, -1)


def test_a_superpoint_belongs_to_the_object_with_more_than_half_of_it() -> None:
    """Superpoints {3,3}, {3,3,none}, {5,5,0}: chair, chair (2/3), table (2/3)."""
    ids = np.array([0, 5, 3])
    shares = object_shares(LABELS, toy_scene().instances, ids, 3)
    np.testing.assert_allclose(shares, [[0, 0, 1], [0, 0, 2 / 3], [1 / 3, 2 / 3, 0]])
    assert owners(shares, ids).tolist() == [3, 3, 5]
    half = object_shares(np.array([0, 0]), np.array([3, 5]), ids, 1)
    assert owners(half, ids).tolist() == [NO_OBJECT]


def test_a_scene_without_objects_has_no_owners() -> None:
    none = np.zeros(0, dtype=np.int64)
    shares = object_shares(LABELS, toy_scene().instances, none, 3)
    assert owners(shares, none).tolist() == [NO_OBJECT] * 3
    bare = replace(toy_prepared(), scene=replace(toy_scene(), objects=()))
    sample = make_sample(bare, (toy_expression((), "a chair"),), toy_text([2], 2))
    assert not sample.relevance.any()


def test_relevance_is_one_on_targets_and_a_half_on_named_classes() -> None:
    """ "the table by the office chair" with target 5: 1 on the table, 1/2 on the chair 3."""
    scene = toy_scene()
    sentences = [
        toy_expression((5,), "the table by the office chair on the floor"),
        toy_expression((), "an office chair"),
        toy_expression((3, 5), "both things"),
    ]
    ids = np.array([item.object_id for item in scene.objects])
    shares = object_shares(LABELS, scene.instances, ids, 3)
    np.testing.assert_allclose(
        relevance(scene, sentences, shares),
        [[0.5, 1 / 3, 2 / 3], [0.5, 1 / 3, 0], [1, 2 / 3, 2 / 3]],
        rtol=1e-6,
    )


def test_the_room_itself_is_never_named_as_an_object() -> None:
    objects = (SceneObject(0, "wall", 1), SceneObject(5, "ceiling", 22), SceneObject(3, "lamp", 35))
    scene = replace(toy_scene(), objects=objects)
    shares = np.eye(3, dtype=np.float32)
    sentence = [toy_expression((), "the lamp between wall and ceiling")]
    np.testing.assert_allclose(relevance(scene, sentence, shares), [[0, 0, 0.5]])


def test_taking_some_sentences_takes_all_that_is_theirs() -> None:
    sentences = tuple(toy_expression((n,), f"sentence {n}") for n in (3, 5, 0))
    sample = make_sample(toy_prepared(), sentences, toy_text([1, 2, 3], 3))
    some = sample.take((2, 0))
    assert [e.object_ids for e in some.expressions] == [(0,), (3,)]
    assert some.text.valid.sum(axis=1).tolist() == [3, 1]
    np.testing.assert_array_equal(some.relevance, sample.relevance[[2, 0]])
    assert [len(part.expressions) for part in sample.chunks(2)] == [2, 1]
    assert len(sample.take(()).expressions) == 0


def test_features_of_other_superpoints_or_sentences_are_refused() -> None:
    wrong = SuperpointFeatures(np.zeros((4, 2), np.float32), np.ones(4, bool))
    with pytest.raises(ValueError, match="scene0000_00 has 3 superpoints, but features of 4"):
        make_sample(replace(toy_prepared(), dense=wrong), ONE, toy_text([2], 2))
    with pytest.raises(ValueError, match="1 sentences, but features of 2"):
        make_sample(toy_prepared(), ONE, toy_text([2, 2], 2))
