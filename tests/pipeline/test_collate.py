from dataclasses import replace

import numpy as np
import pytest
import torch

from hcfres.config.setting import AugmentConfig
from hcfres.pipeline.collate import collate
from hcfres.pipeline.samples import SceneSample, make_sample
from tests.pipeline.toys import toy_expression, toy_prepared, toy_text

AUGMENT = AugmentConfig(jitter=0.1, flip=0.5, rotate=True, colour=0.1, elastic=False)


def _sample(scene_id: str, lengths: list[int], padded: int) -> SceneSample:
    sentences = tuple(toy_expression((3,), "the table") for _ in lengths)
    return make_sample(toy_prepared(scene_id), sentences, toy_text(lengths, padded))


def _two() -> list[SceneSample]:
    return [_sample("scene0000_00", [2, 4], 9), _sample("scene0001_00", [3], 3)]


def test_scenes_are_packed_and_their_superpoints_counted_through() -> None:
    scenes = collate(_two(), 0.5).scenes
    assert scenes.scene_ids == ("scene0000_00", "scene0001_00")
    assert scenes.superpoint_counts == (3, 3)
    assert scenes.superpoint_of_point.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 5, 5, 5]
    assert scenes.scene_of_point.tolist() == [0] * 8 + [1] * 8
    assert scenes.voxels[:, 0].tolist() == [0, 2, 4, 6, 8, 10, 12, 14] * 2
    assert scenes.features.shape == (16, 6)
    assert (scenes.features[:, :3] == 1).all()
    torch.testing.assert_close(scenes.features[:, 3:], scenes.coordinates)
    assert scenes.dense is not None and scenes.dense_seen is not None
    assert scenes.dense[:, 0].tolist() == [0, 2, 4] * 2
    assert scenes.dense_seen.tolist() == [True, True, False] * 2


def test_sentences_are_padded_to_the_longest_of_the_batch() -> None:
    batch = collate(_two(), 0.5)
    assert batch.text.features.shape == (3, 4, 4)
    assert batch.text.valid.sum(dim=1).tolist() == [2, 4, 3]
    assert batch.text.scene_of_expression.tolist() == [0, 0, 1]
    assert not batch.text.features[~batch.text.valid].any()
    assert torch.equal(batch.text.ids > 0, batch.text.valid)
    assert batch.targets is not None
    assert batch.targets.token_maps.shape == (3, 5, 4)
    assert len(batch.expressions) == 3


def test_relevance_is_padded_to_the_scene_with_most_superpoints() -> None:
    first, second = _two()
    small = replace(
        second,
        labels=np.zeros(8, dtype=np.int64),
        superpoints=1,
        dense=None,
        instance=None,
        instance_of_superpoint=np.array([3]),
        relevance=np.array([[0.5]], dtype=np.float32),
    )
    bare = replace(first, dense=None, instance=None)
    targets = collate([bare, small], 0.5).targets
    assert targets is not None
    assert targets.relevance.shape == (3, 3)
    assert targets.relevance[2].tolist() == [0.5, 0, 0]
    assert targets.instance_of_superpoint.tolist() == [3, 3, 5, 3]
    assert targets.object_ids == ((3,), (3,), (3,))


def test_a_method_without_images_gets_none() -> None:
    scenes = collate([replace(s, dense=None, instance=None) for s in _two()], 0.5).scenes
    assert scenes.dense is scenes.dense_seen is scenes.instance is scenes.instance_seen is None


def test_scenes_with_and_without_features_do_not_mix() -> None:
    first, second = _two()
    with pytest.raises(ValueError, match="only some scenes"):
        collate([first, replace(second, dense=None)], 0.5)
    with pytest.raises(ValueError, match="at least one scene"):
        collate([], 0.5)


def _rngs(*seeds: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in seeds]


def test_a_scene_is_changed_in_the_same_way_whatever_stands_beside_it() -> None:
    first, second = _two()
    both = collate([first, second], 0.5, _rngs(5, 6), AUGMENT).scenes
    alone = collate([second], 0.5, _rngs(6), AUGMENT).scenes
    torch.testing.assert_close(both.coordinates[both.scene_of_point == 1], alone.coordinates)


def test_every_scene_that_is_changed_needs_a_generator_of_its_own() -> None:
    with pytest.raises(ValueError, match="zip"):
        collate(_two(), 0.5, _rngs(5), AUGMENT)


def test_augmentation_is_repeatable_and_leaves_the_samples_as_they_were() -> None:
    samples = _two()
    before = samples[0].coordinates.copy()
    one = collate(samples, 0.5, _rngs(5, 6), AUGMENT)
    two = collate(samples, 0.5, _rngs(5, 6), AUGMENT)
    torch.testing.assert_close(one.scenes.coordinates, two.scenes.coordinates)
    plain = collate(samples, 0.5)
    assert not torch.allclose(one.scenes.coordinates, plain.scenes.coordinates)
    assert one.scenes.moved and not plain.scenes.moved
    assert (one.scenes.voxels.min(dim=0).values == 0).all()
    np.testing.assert_array_equal(samples[0].coordinates, before)
