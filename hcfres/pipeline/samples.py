"""A prepared scene with its sentences and their answers, as arrays ready to be batched."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Int, Int64

from hcfres.data.expression import Expression
from hcfres.data.features import SuperpointFeatures, TextFeatures
from hcfres.data.scene import NO_OBJECT, Scene, SceneObject
from hcfres.language.relevance import named_classes
from hcfres.pipeline.scene import PreparedScene

ROOM_ITSELF = frozenset({1, 2, 22})
"""nyu40's wall, floor and ceiling: named in sentences as places, not as objects."""
NAMED = 0.5
"""Relevance of an object that only has a class the sentence names."""


@dataclass(frozen=True)
class SceneSample:
    """One scene and some sentences about it."""

    scene_id: str
    coordinates: Float32[np.ndarray, "points 3"]
    """Metres, the scene minus its mean."""
    colours: Float32[np.ndarray, "points 3"]
    """[-1, 1]."""
    labels: Int[np.ndarray, " points"]
    """Superpoint of each vertex."""
    superpoints: int
    """N_S."""
    dense: SuperpointFeatures | None
    instance: SuperpointFeatures | None
    expressions: tuple[Expression, ...]
    text: TextFeatures
    """Of `expressions`, in their order."""
    instance_of_superpoint: Int64[np.ndarray, " superpoints"]
    """Object id that owns more than half of the superpoint's vertices, else NO_OBJECT."""
    relevance: Float32[np.ndarray, "expressions superpoints"]
    """Mean over a superpoint's vertices of: 1 on targets, NAMED on objects of a named class."""

    def take(self, chosen: Sequence[int]) -> "SceneSample":
        """The same scene with some of the sentences, in the order given."""
        rows = np.asarray(chosen, dtype=np.int64)
        text = TextFeatures(
            self.text.features[rows],
            self.text.ids[rows],
            self.text.valid[rows],
            self.text.token_maps[rows],
        )
        return replace(
            self,
            expressions=tuple(self.expressions[row] for row in chosen),
            text=text,
            relevance=self.relevance[rows],
        )

    def chunks(self, most: int) -> Iterator["SceneSample"]:
        """The sentences in groups of at most `most`, in order."""
        for start in range(0, len(self.expressions), most):
            yield self.take(range(start, min(start + most, len(self.expressions))))


def make_sample(
    prepared: PreparedScene, expressions: tuple[Expression, ...], text: TextFeatures
) -> SceneSample:
    """Put a scene, its features and its sentences together.

    Raises:
        ValueError: the features are of another number of sentences or superpoints.
    """
    scene, labels = prepared.scene, prepared.superpoints.labels
    count = int(labels.max()) + 1 if len(labels) else 0
    if len(text.features) != len(expressions):
        raise ValueError(f"{len(expressions)} sentences, but features of {len(text.features)}")
    for features in (prepared.dense, prepared.instance):
        if features is not None and len(features.features) != count:
            raise ValueError(
                f"{scene.scene_id} has {count} superpoints, but features of "
                f"{len(features.features)}: they were made with other superpoints"
            )
    ids = np.array([item.object_id for item in scene.objects], dtype=np.int64)
    shares = object_shares(labels, scene.instances, ids, count)
    vertices = scene.vertices.astype(np.float64)
    centre = vertices.mean(axis=0) if len(vertices) else np.zeros(3)
    return SceneSample(
        scene_id=scene.scene_id,
        coordinates=(vertices - centre).astype(np.float32),
        colours=scene.colours.astype(np.float32) / np.float32(127.5) - 1,
        labels=labels,
        superpoints=count,
        dense=prepared.dense,
        instance=prepared.instance,
        expressions=expressions,
        text=text,
        instance_of_superpoint=owners(shares, ids),
        relevance=relevance(scene, expressions, shares),
    )


def object_shares(
    labels: Int[np.ndarray, " points"],
    instances: Int[np.ndarray, " points"],
    object_ids: Int64[np.ndarray, " objects"],
    count: int,
) -> Float32[np.ndarray, "superpoints objects"]:
    """The share of each superpoint's vertices that each object owns.

    Args:
        object_ids: the objects in the order of the columns.
        count: number of superpoints.
    """
    order = np.argsort(object_ids)
    place = np.searchsorted(object_ids[order], instances).clip(max=max(len(order) - 1, 0))
    shares = np.zeros((count, len(object_ids)), dtype=np.float64)
    if len(object_ids):
        column = order[place]
        owned = object_ids[column] == instances
        np.add.at(shares, (labels[owned], column[owned]), 1.0)
    sizes = np.bincount(labels, minlength=count)
    return (shares / np.maximum(sizes, 1)[:, None]).astype(np.float32)


def owners(
    shares: Float[np.ndarray, "superpoints objects"], object_ids: Int64[np.ndarray, " objects"]
) -> Int64[np.ndarray, " superpoints"]:
    """The object that owns more than half of each superpoint, NO_OBJECT where none does."""
    if not len(object_ids):
        return np.full(len(shares), NO_OBJECT, dtype=np.int64)
    return np.where(shares.max(axis=1) > 0.5, object_ids[shares.argmax(axis=1)], NO_OBJECT)


def relevance(
    scene: Scene,
    expressions: Sequence[Expression],
    shares: Float[np.ndarray, "superpoints objects"],
) -> Float32[np.ndarray, "expressions superpoints"]:
    """How much of each superpoint each sentence speaks of (SceneSample.relevance).

    Args:
        shares: columns in the order of `scene.objects`.
    """
    weights = np.zeros((len(expressions), len(scene.objects)), dtype=np.float32)
    for row, expression in zip(weights, expressions, strict=True):
        row[_named(expression, scene.objects)] = NAMED
        row[[item.object_id in expression.object_ids for item in scene.objects]] = 1
    return weights @ shares.T.astype(np.float32)


def _named(expression: Expression, objects: Sequence[SceneObject]) -> list[bool]:
    """Which objects have a class that the sentence names."""
    labels = sorted({item.label for item in objects if item.nyu40 not in ROOM_ITSELF})
    named = set(named_classes(expression.description, labels))
    return [item.label in named and item.nyu40 not in ROOM_ITSELF for item in objects]
