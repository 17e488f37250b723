"""Samples to a batch: scenes packed one after the other, sentences padded to the longest."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hcfres.config.setting import AugmentConfig
from hcfres.data.augment import Augmented, augment
from hcfres.data.batch import Batch, SceneBatch, TargetBatch, TextBatch
from hcfres.data.features import SuperpointFeatures
from hcfres.pipeline.samples import SceneSample


def collate(
    samples: Sequence[SceneSample],
    voxel_m: float,
    rngs: Sequence[np.random.Generator] = (),
    config: AugmentConfig | None = None,
) -> Batch:
    """One step's worth of scenes and sentences, with their answers.

    Args:
        samples: at least one; all with the same kinds of features.
        voxel_m: edge of a voxel.
        rngs: needed for augmentation, one for each sample: what changes a scene does not depend
            on those beside it.
        config: how scenes are changed at random; None: not at all.

    Raises:
        ValueError: nothing to batch, features that only some samples have, or another number of
            generators than of samples.
    """
    if not samples:
        raise ValueError("a batch has at least one scene")
    if config is None:
        rngs = [np.random.default_rng(0)] * len(samples)
    changed = [
        augment(sample.coordinates, sample.colours, voxel_m, rng, config)
        for sample, rng in zip(samples, rngs, strict=True)
    ]
    return Batch(
        scenes=replace(_scenes(samples, changed), moved=config is not None),
        text=_text(samples),
        targets=_targets(samples),
        expressions=tuple(e for sample in samples for e in sample.expressions),
    )


def _scenes(samples: Sequence[SceneSample], changed: Sequence[Augmented]) -> SceneBatch:
    counts = [sample.superpoints for sample in samples]
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    dense, dense_seen = _features([sample.dense for sample in samples])
    instance, instance_seen = _features([sample.instance for sample in samples])
    features = [np.concatenate([item.colours, item.coordinates], axis=1) for item in changed]
    points = [len(item.coordinates) for item in changed]
    return SceneBatch(
        scene_ids=tuple(sample.scene_id for sample in samples),
        coordinates=_packed([item.coordinates for item in changed]),
        voxels=_packed([item.voxels for item in changed]),
        features=_packed(features),
        scene_of_point=torch.from_numpy(np.repeat(np.arange(len(samples)), points)),
        superpoint_of_point=_packed(
            [s.labels.astype(np.int64) + start for s, start in zip(samples, first, strict=True)]
        ),
        superpoint_counts=tuple(counts),
        dense=dense,
        dense_seen=dense_seen,
        instance=instance,
        instance_seen=instance_seen,
    )


def _features(
    found: Sequence[SuperpointFeatures | None],
) -> tuple[Float[Tensor, "superpoints width"] | None, Bool[Tensor, " superpoints"] | None]:
    there = [features for features in found if features is not None]
    if not there:
        return None, None
    if len(there) != len(found):
        raise ValueError("only some scenes of the batch have these features")
    return _packed([f.features for f in there]), _packed([f.seen for f in there])


def _text(samples: Sequence[SceneSample]) -> TextBatch:
    longest = _longest(samples)
    counts = [len(sample.expressions) for sample in samples]
    return TextBatch(
        features=_packed([_fitted(s.text.features, 1, longest) for s in samples]),
        valid=_packed([_fitted(s.text.valid, 1, longest) for s in samples]),
        ids=_packed([_fitted(s.text.ids, 1, longest) for s in samples]),
        scene_of_expression=torch.from_numpy(np.repeat(np.arange(len(samples)), counts)),
    )


def _targets(samples: Sequence[SceneSample]) -> TargetBatch:
    longest = _longest(samples)
    most = max(sample.superpoints for sample in samples)
    return TargetBatch(
        instance_of_superpoint=_packed([s.instance_of_superpoint for s in samples]),
        object_ids=tuple(e.object_ids for s in samples for e in s.expressions),
        relevance=_packed([_fitted(s.relevance, 1, most) for s in samples]),
        token_maps=_packed([_fitted(s.text.token_maps, 2, longest) for s in samples]),
    )


def _longest(samples: Sequence[SceneSample]) -> int:
    """Tokens of the longest sentence; features may have been padded for longer ones."""
    return max((int(s.text.valid.sum(axis=1).max(initial=0)) for s in samples), default=0)


def _fitted(array: np.ndarray, axis: int, length: int) -> np.ndarray:
    """`array` cut or filled with zeros to a length along one axis."""
    kept = np.take(array, range(min(length, array.shape[axis])), axis=axis)
    missing = [(0, 0)] * array.ndim
    missing[axis] = (0, length - kept.shape[axis])
    return np.pad(kept, missing)


def _packed(arrays: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.concatenate(arrays))
