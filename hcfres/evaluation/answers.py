"""Answers of a network for the expressions of one scene, as arrays over its superpoints."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from hcfres.data.errors import DataError, too_many
from hcfres.data.expression import Expression
from hcfres.data.scene import Scene
from hcfres.evaluation.boxes import aligned, box_of, group_boxes
from hcfres.evaluation.metrics import (
    Overlap,
    answers_nothing,
    intersection_over_union,
    superpoint_overlap,
)
from hcfres.model.output import NetworkOutput, Rule, answer

FIRES = 0.5
"""A query fires when its indicator probability is above this (rule "gres")."""


@dataclass(frozen=True)
class SceneTruth:
    """Where the targets of a scene's expressions lie, on vertices and on superpoints."""

    scene: Scene
    labels: Int[np.ndarray, " points"]
    """Superpoint of each vertex."""
    sizes: Int[np.ndarray, " superpoints"]
    """Vertices of each superpoint."""
    expressions: tuple[Expression, ...]
    true: Int[np.ndarray, "expressions superpoints"]
    """Target vertices in each superpoint."""
    alignment: Float[np.ndarray, "4 4"] = field(default_factory=lambda: np.eye(4))
    """From the scan's frame to the axis-aligned one, in which boxes are measured."""

    @cached_property
    def aligned(self) -> Float32[np.ndarray, "points 3"]:
        """The vertices in the axis-aligned frame, metres."""
        return aligned(self.scene.vertices, self.alignment)

    @cached_property
    def superpoint_boxes(self) -> Float32[np.ndarray, "superpoints 6"]:
        """The box of each superpoint; NaN where it has no vertex."""
        return group_boxes(self.aligned, self.labels, self.sizes.size)

    def target_boxes(self, index: int) -> tuple[Float32[np.ndarray, "6"], ...]:
        """The box of each target of an expression, in the order of its object_ids."""
        found = (self._object_box(object_id) for object_id in self.expressions[index].object_ids)
        return tuple(box for box in found if box is not None)

    def _object_box(self, object_id: int) -> Float32[np.ndarray, "6"] | None:
        if object_id not in self._known_boxes:
            self._known_boxes[object_id] = box_of(self.aligned, self.scene.instances == object_id)
        return self._known_boxes[object_id]

    @cached_property
    def _known_boxes(self) -> dict[int, Float32[np.ndarray, "6"] | None]:
        return {}

    @cached_property
    def zero_target(self) -> Bool[np.ndarray, " expressions"]:
        """Which expressions mean no object."""
        return np.array([not e.object_ids for e in self.expressions], dtype=bool)

    def target(self, index: int) -> Bool[np.ndarray, " points"]:
        """Vertices of the targets of one expression."""
        return np.isin(self.scene.instances, self.expressions[index].object_ids)


def scene_truth(
    scene: Scene,
    labels: Int[np.ndarray, " points"],
    expressions: tuple[Expression, ...],
    alignment: Float[np.ndarray, "4 4"] | None = None,
) -> SceneTruth:
    """Count, for every expression, the target vertices in each superpoint.

    Args:
        scene: with its annotation.
        labels: superpoint of each vertex.
        expressions: about the scene.
        alignment: its scan's `axisAlignment`; None where the scan is aligned as it is.

    Raises:
        DataError: an expression names an object of which the scene has no vertex, or its targets
            are not public.
    """
    _require_public(scene.scene_id, expressions)
    sizes = np.bincount(labels)
    known, object_of_point = np.unique(scene.instances, return_inverse=True)
    table = np.zeros((known.size, sizes.size), dtype=np.int64)
    np.add.at(table, (object_of_point, labels), 1)
    row = {int(object_id): index for index, object_id in enumerate(known)}
    true = np.zeros((len(expressions), sizes.size), dtype=np.int64)
    for index, expression in enumerate(expressions):
        for object_id in dict.fromkeys(expression.object_ids):
            if object_id not in row:
                raise DataError(
                    expression.dataset,
                    f"scene {scene.scene_id} has no vertex of object {object_id}",
                    "Use scans and annotations of one release",
                    place=f"expression {expression.key}",
                )
            true[index] += table[row[object_id]]
    frame = np.eye(4) if alignment is None else alignment
    return SceneTruth(scene, labels, sizes, expressions, true, frame)


def _require_public(scene_id: str, expressions: tuple[Expression, ...]) -> None:
    hidden = [f"expression {one.key}: its targets are hidden" for one in expressions if one.hidden]
    if hidden:
        raise DataError(
            f"scene {scene_id}",
            f"there is nothing to score against; {too_many(hidden).rstrip()}",
            "Evaluate on the val split; the test split is scored by its benchmark's server",
        )


@dataclass(frozen=True)
class SceneAnswers:
    """What the last decoder layer says about a scene's expressions."""

    logits: Float[np.ndarray, "expressions queries superpoints"]
    """Of each query's mask; from 0 on is inside."""
    scores: Float[np.ndarray, "expressions queries"]
    """Predicted IoU of each query's mask."""
    indicators: Float[np.ndarray, "expressions queries"]
    """Probability that the query is of a target."""
    fired: Bool[np.ndarray, "expressions queries"]
    """The queries whose masks make the answer."""
    union: Float[np.ndarray, "expressions superpoints"]
    """Largest logit over the queries that fired; NOTHING_LOGIT where none did."""

    @property
    def chosen(self) -> Bool[np.ndarray, "expressions superpoints"]:
        """The superpoints of each answer, before the zero-target rule."""
        return self.union >= 0

    @property
    def answered(self) -> Bool[np.ndarray, " expressions"]:
        """Whether any query fired."""
        return np.asarray(self.fired.any(axis=1))


def scene_answers(output: NetworkOutput, rule: Rule) -> SceneAnswers:
    """The answers of a network that was given one scene.

    Args:
        output: of one scene and some of its expressions.
        rule: "gres": the union of all queries that fired, perhaps nothing (Multi3DRefer); "res":
            always the query most likely to be of the target (ScanRefer).

    Raises:
        ValueError: a logit is not a number.
    """
    last, said = output.layers[-1], answer(output, rule)
    arrays = {
        "logits": last.masks,
        "scores": last.scores,
        "indicators": said.probability,
        "fired": said.fired,
        "union": said.logits,
    }
    found = {name: tensor.detach().cpu().numpy() for name, tensor in arrays.items()}
    for name, array in found.items():
        if not np.isfinite(array).all():
            raise ValueError(f"the network's {name} are not finite; its weights are damaged")
    return SceneAnswers(**found)


def join_answers(parts: Sequence[SceneAnswers]) -> SceneAnswers:
    """The answers of several groups of a scene's expressions, one after the other."""
    names = SceneAnswers.__dataclass_fields__
    return SceneAnswers(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )


@dataclass(frozen=True)
class Scores:
    """The outcome of each expression."""

    overlap: Overlap
    nothing: Bool[np.ndarray, " expressions"]
    ious: Float[np.ndarray, " expressions"]


def score(
    truth: SceneTruth,
    chosen: Bool[np.ndarray, "expressions superpoints"],
    fired: Bool[np.ndarray, " expressions"],
    min_points: int,
) -> Scores:
    """Compare answers that are unions of superpoints with the truth.

    Args:
        truth: the targets.
        chosen: superpoints of each answer.
        fired: whether any query fired.
        min_points: fewer predicted vertices mean "nothing"; 0 switches that rule off.
    """
    found = superpoint_overlap(chosen, truth.sizes, truth.true)
    nothing = answers_nothing(found, fired, min_points)
    return Scores(found, nothing, intersection_over_union(found, nothing, truth.zero_target))
