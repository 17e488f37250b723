"""Two predictions files on the same expressions: who answers which of them better."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hcfres.data.errors import DataError
from hcfres.evaluation.passport import differences
from hcfres.evaluation.recompute import expression_scores, read_parts

RESAMPLES = 10_000
LEVEL = 0.95
_SAME = 1e-9
"""IoUs that differ by no more are equal: they are ratios of the same counts."""


@dataclass(frozen=True)
class Change:
    """One expression that the two answer differently."""

    expression: str
    """Scene, targets and annotation."""
    description: str
    one: float
    """IoU of the first file's answer."""
    other: float


@dataclass(frozen=True)
class Paired:
    """The second file against the first; IoUs are fractions over mesh vertices."""

    expressions: int
    scenes: int
    better: int
    worse: int
    equal: int
    difference: float
    """Of the mean IoUs, second less first."""
    interval: tuple[float, float] | None
    """Of the difference, at LEVEL, scenes drawn anew RESAMPLES times; None of a single scene."""
    gains: tuple[Change, ...]
    """The expressions that gain most, the largest first."""
    losses: tuple[Change, ...]
    """Those that lose most, the largest first."""


@dataclass(frozen=True)
class _Scored:
    """One expression of a file."""

    scene: str
    description: str
    iou: float


def paired(one: Path, other: Path, shown: int = 10) -> Paired:
    """Compare two files of point-level predictions expression by expression.

    Args:
        one: the first file.
        other: the second.
        shown: how many gains and losses are named.

    Raises:
        DataError: a file cannot be read or holds no masks, or the two answered different
            questions or under different rules.
    """
    _require_comparable(one, other)
    first, second = (dict(_scores(path)) for path in (one, other))
    if first.keys() != second.keys():
        both = len(first.keys() & second.keys())
        reason = f"answers {len(second)} expressions, of which {both} are among the {len(first)}"
        raise DataError(other, f"{reason} of {one}", "Compare answers to the same expressions")
    if not first:
        raise DataError(one, "holds no expression")
    names = sorted(first)
    scenes = np.array([first[name].scene for name in names])
    gain = np.array([second[name].iou - first[name].iou for name in names])
    order = sorted(range(len(names)), key=lambda place: (-gain[place], names[place]))
    changes = [
        Change(names[i], first[names[i]].description, first[names[i]].iou, second[names[i]].iou)
        for i in order
    ]
    better, worse = int((gain > _SAME).sum()), int((gain < -_SAME).sum())
    return Paired(
        expressions=len(names),
        scenes=len(set(scenes)),
        better=better,
        worse=worse,
        equal=len(names) - better - worse,
        difference=float(gain.mean()),
        interval=mean_interval(gain, scenes),
        gains=tuple(changes[: min(shown, better)]),
        losses=tuple(changes[::-1][: min(shown, worse)]),
    )


def mean_interval(
    values: Float[np.ndarray, " expressions"], groups: np.ndarray, resamples: int = RESAMPLES
) -> tuple[float, float] | None:
    """The percentile interval of a mean whose groups are drawn anew, at LEVEL.

    Expressions of one scene are alike, so that drawing expressions would promise too much.

    Returns:
        None where all values are of one group: nothing is known of another.
    """
    _, place = np.unique(groups, return_inverse=True)
    count = int(place.max()) + 1
    if count == 1:
        return None
    sums, sizes = np.bincount(place, values, count), np.bincount(place, minlength=count)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
    means = (drawn @ sums) / (drawn @ sizes)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _require_comparable(one: Path, other: Path) -> None:
    first, second = (next(read_parts(path)).source.passport("point") for path in (one, other))
    if gaps := differences(first, second):
        reason = f"does not compare with {one}: they differ in {', '.join(gaps)}"
        raise DataError(other, reason, "Evaluate both under one passport")


def _scores(path: Path) -> Iterator[tuple[str, _Scored]]:
    """Every expression by its name: scene, targets and annotation."""
    for part in read_parts(path):
        ious, _ = expression_scores(part)
        columns = ("scene_id", "object_ids", "ann_id", "description")
        rows = zip(*(part.table[name].to_pylist() for name in columns), ious, strict=True)
        for scene, objects, number, description, iou in rows:
            name = f"{scene}|{'_'.join(map(str, objects))}|{number}"
            yield name, _Scored(scene, description, float(iou))
