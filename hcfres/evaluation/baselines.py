"""Predictors that read no sentence, and two that read the ground truth: what a score is worth."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool

from hcfres.evaluation.answers import SceneTruth, Scores
from hcfres.evaluation.metrics import (
    answers_nothing,
    best_union,
    intersection_over_union,
    overlap,
)
from hcfres.pipeline.samples import ROOM_ITSELF

Masks = Bool[np.ndarray, "expressions points"]
Predictor = Callable[[SceneTruth, np.random.Generator], Masks]
"""From a scene's truth to one mask over the vertices an expression; empty means "nothing"."""


def nothing(truth: SceneTruth, rng: np.random.Generator) -> Masks:
    """Answer every sentence with "no such object"."""
    return np.zeros((len(truth.expressions), truth.labels.size), dtype=bool)


def everything(truth: SceneTruth, rng: np.random.Generator) -> Masks:
    """Answer every sentence with the whole scan."""
    return np.ones((len(truth.expressions), truth.labels.size), dtype=bool)


def random_object(truth: SceneTruth, rng: np.random.Generator) -> Masks:
    """Answer with one annotated object of the scene, each as likely; walls and floors are none."""
    things = truth.scene.objects
    ids = np.array([thing.object_id for thing in things if thing.nyu40 not in ROOM_ITSELF])
    if not ids.size:
        return nothing(truth, rng)
    drawn = rng.choice(ids, len(truth.expressions))
    return truth.scene.instances[None, :] == drawn[:, None]


def class_oracle(truth: SceneTruth, rng: np.random.Generator) -> Masks:
    """Answer with every object of the class that the sentence names, from the ground truth."""
    named: dict[str, list[int]] = {}
    for thing in truth.scene.objects:
        named.setdefault(thing.label.replace(" ", "_"), []).append(thing.object_id)
    answers = nothing(truth, rng)
    for index, expression in enumerate(truth.expressions):
        ids = named.get(expression.object_name.replace(" ", "_"), [])
        answers[index] = np.isin(truth.scene.instances, ids)
    return answers


def best_superpoints(truth: SceneTruth, rng: np.random.Generator) -> Masks:
    """Answer with the union of superpoints of the largest IoU: no answer of ours has a larger one.

    A target so small that its best union has fewer than `min_points` vertices scores 0 even so.
    """
    answers = nothing(truth, rng)
    for index, true in enumerate(truth.true):
        answers[index] = best_union(truth.sizes, true)[truth.labels]
    return answers


PREDICTORS: Mapping[str, Predictor] = {
    "nothing": nothing,
    "everything": everything,
    "random_object": random_object,
    "class_oracle": class_oracle,
    "best_superpoints": best_superpoints,
}
TRIVIAL = ("nothing", "everything", "random_object")
"""Those that know neither the sentence nor the truth."""


def score_masks(truth: SceneTruth, masks: Masks, min_points: int) -> Scores:
    """Score masks over the vertices by the evaluation's own rules; an empty one is "nothing"."""
    found = overlap(masks, np.stack([truth.target(i) for i in range(len(truth.expressions))]))
    silent = answers_nothing(found, found.predicted > 0, min_points)
    return Scores(found, silent, intersection_over_union(found, silent, truth.zero_target))
