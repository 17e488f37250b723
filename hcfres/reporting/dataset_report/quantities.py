"""What the histograms show: values of each split, worked out from the survey."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from hcfres.data.dataset import Split
from hcfres.data.expression import Expression
from hcfres.reporting.dataset_report.facts import SceneFacts
from hcfres.reporting.dataset_report.survey import Survey

_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Quantity:
    """One histogram's values."""

    title: str
    meaning: str
    axis: Literal["linear", "logarithmic", "whole", "per cent"]
    """`whole` numbers get a bar each; `per cent` is from 0 to 100."""
    values: dict[Split, Float[np.ndarray, " values"]]
    """Of each split that has any."""


def quantities(survey: Survey) -> tuple[Quantity, ...]:
    """Work out every histogram that the dataset has values for."""
    made = (*_of_scans(survey), *_of_sentences(survey), *_of_targets(survey))
    return tuple(quantity for quantity in made if quantity.values)


def tokens(description: str) -> int:
    """Count words and punctuation marks, as ScanRefer's tokens do but for clitics."""
    return len(_TOKEN.findall(description))


def distractors(item: Expression, scene: SceneFacts) -> int:
    """Count the objects of the described classes that are no targets.

    The classes are the targets' labels or, without a target, the name of what is not there.
    """
    targets = set(item.object_ids)
    labels = {thing.label for thing in scene.objects if thing.object_id in targets}
    labels = labels or {item.object_name.replace("_", " ")}
    others = (thing for thing in scene.objects if thing.object_id not in targets)
    return sum(thing.label in labels for thing in others)


def _of_scans(survey: Survey) -> tuple[Quantity, ...]:
    def of(value: Callable[[SceneFacts], float | None]) -> dict[Split, np.ndarray]:
        found: dict[Split, list[float]] = {}
        for scene in survey.by_name.values():
            if (number := value(scene)) is not None:
                found.setdefault(scene.split, []).append(float(number))
        return _arrays(found)

    return (
        Quantity(
            "Superpoints of a scan",
            "Of the over-segmentation that the setting asks for.",
            "linear",
            of(lambda scene: scene.superpoints),
        ),
        Quantity(
            "Frames of a scan",
            "Those that the setting looks at and that have a pose.",
            "linear",
            of(lambda scene: scene.frames.usable if scene.frames else None),
        ),
        Quantity(
            "Depth coverage of a scan",
            "Per cent of the pixels that have a depth, in the first, middle and last frame.",
            "per cent",
            of(lambda scene: _per_cent(scene.frames.coverage if scene.frames else None)),
        ),
    )


def _of_sentences(survey: Survey) -> tuple[Quantity, ...]:
    def of(value: Callable[[Expression], float | None]) -> dict[Split, np.ndarray]:
        found: dict[Split, list[float]] = {}
        for split, expressions in survey.expressions.items():
            numbers = (value(item) for item in expressions)
            found[split] = [float(number) for number in numbers if number is not None]
        return _arrays(found)

    def rivals(item: Expression) -> int | None:
        scene = survey.by_name.get(item.scene_id)
        return None if scene is None else distractors(item, scene)

    return (
        Quantity(
            "Tokens of an expression",
            "Words and punctuation marks.",
            "linear",
            of(lambda item: tokens(item.description)),
        ),
        Quantity(
            "Distractors of an expression",
            "Objects with a label of the targets (or, without a target, of the described class) "
            "that are no targets.",
            "whole",
            of(rivals),
        ),
        Quantity(
            "Targets of an expression",
            "0 for sentences about what is not there.",
            "whole",
            of(lambda item: len(item.object_ids)),
        ),
    )


def _of_targets(survey: Survey) -> tuple[Quantity, ...]:
    points: dict[Split, list[float]] = {}
    ceilings: dict[Split, list[float]] = {}
    for target in survey.targets:
        points.setdefault(target.scene.split, []).append(float(target.thing.vertices))
        if (best := _per_cent(target.thing.best_iou)) is not None:
            ceilings.setdefault(target.scene.split, []).append(best)
    return (
        Quantity(
            "Points of a target",
            "Vertices of each object that some expression is about.",
            "logarithmic",
            _arrays(points),
        ),
        Quantity(
            "Best IoU of a target",
            "Per cent, of the best union of superpoints: what no method on these superpoints "
            "can exceed.",
            "per cent",
            _arrays(ceilings),
        ),
    )


def _per_cent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _arrays(found: dict[Split, list[float]]) -> dict[Split, Float[np.ndarray, " values"]]:
    return {split: np.array(found[split], dtype=np.float64) for split in found if found[split]}
