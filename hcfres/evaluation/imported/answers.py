"""What another system's file says, before it is scored."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32

from hcfres.data.expression import Expression
from hcfres.evaluation.prediction_columns import Holds


class UnusableError(ValueError):
    """An answer that cannot be used, and why; it is listed with the others."""


@dataclass(frozen=True)
class ForeignInstance:
    """One predicted instance."""

    mask: Bool[np.ndarray, " points"] | None = None
    box: Float32[np.ndarray, "6"] | None = None
    score: float | None = None
    """As high as the system is sure; None where it does not say."""


@dataclass(frozen=True)
class ForeignAnswer:
    """One of the two is given."""

    union: Bool[np.ndarray, " points"] | None = None
    """Everything meant; empty for "nothing"."""
    instances: tuple[ForeignInstance, ...] | None = None


Read = Callable[[int], ForeignAnswer]
"""From the scan's number of vertices to the answer; raises UnusableError or DataError."""


@dataclass(frozen=True)
class Opened:
    """A file whose answers have been found but not read."""

    holds: Holds
    answers: Mapping[str, Read]
    """By `Expression.key`."""
    problems: tuple[str, ...]
    """What belongs to no expression, or comes twice."""


def _may_mean(named: tuple[int, ...], targets: tuple[int, ...]) -> bool:
    """Whether an expression with these targets is named by some of them, or by none of none."""
    return set(named) <= set(targets) and bool(named) == bool(targets)


@dataclass(frozen=True)
class Asked:
    """The expressions of a split, by what files of predictions call them."""

    expressions: tuple[Expression, ...]

    @cached_property
    def _by_annotation(self) -> dict[tuple[str, int], list[Expression]]:
        found: dict[tuple[str, int], list[Expression]] = {}
        for one in self.expressions:
            found.setdefault((one.scene_id, one.ann_id), []).append(one)
        return found

    @cached_property
    def scenes(self) -> frozenset[str]:
        """The scans that are asked about."""
        return frozenset(one.scene_id for one in self.expressions)

    def find(
        self, scene_id: str, ann_id: int, object_ids: tuple[int, ...] | None = None
    ) -> Expression:
        """The expression of an annotation.

        Args:
            scene_id: its scan.
            ann_id: unique in a scan (Multi3DRefer) or in an object (ScanRefer, Nr3D).
            object_ids: some or all of the targets, none of a zero-target expression; None where
                the file does not name them.

        Raises:
            UnusableError: there is none, or more than one.
        """
        if scene_id not in self.scenes:
            raise UnusableError(f"scene {scene_id[:40]} is not asked about in this split")
        same = self._by_annotation.get((scene_id, ann_id), [])
        if not same:
            raise UnusableError(f"scene {scene_id} has no annotation {ann_id}")
        if object_ids is not None:
            fitting = [one for one in same if _may_mean(object_ids, one.object_ids)]
            if not fitting:
                told = " or ".join(str(list(one.object_ids)) for one in same[:4])
                raise UnusableError(
                    f"annotation {ann_id} of {scene_id} is about {told}, not {list(object_ids)}"
                )
            same = fitting
        if len(same) > 1:
            raise UnusableError(
                f"annotation {ann_id} of {scene_id} is of {len(same)} objects; say which"
            )
        return same[0]


def collected(
    holds: Holds, found: Iterable[tuple[str, Expression | UnusableError, Read | None]]
) -> Opened:
    """Sort what a file has, place by place, into answers and problems."""
    answers: dict[str, Read] = {}
    problems: list[str] = []
    for place, expression, read in found:
        if isinstance(expression, UnusableError) or read is None:
            problems.append(f"{place}: {expression}")
        elif expression.key in answers:
            problems.append(f"{place}: expression {expression.key} is answered twice")
        else:
            answers[expression.key] = read
    return Opened(holds, answers, tuple(problems))
