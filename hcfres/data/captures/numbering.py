"""Which pose belongs to which image, where their numbers leave it open: the depth decides."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hcfres.data.reprojection import NEEDED_SHARE, agreement
from hcfres.data.scene import Frame

CLEARLY_BETTER = 0.03
"""Another association is taken when so much more of the depth agrees with it, and it leaves at most
half of what disagrees."""
_FEWEST = 3
_COMPARED = 40
_Poses = dict[int, np.ndarray]


@dataclass(frozen=True)
class Association:
    """Poses by the number of the image that they belong to."""

    poses: _Poses
    rule: str
    """How they were found, in words."""


def associated(
    indices: tuple[int, ...], by_number: _Poses, read: Callable[[int, np.ndarray], Frame]
) -> Association:
    """Give every image its pose: by number, or by order where there are as many.

    Where images lack a pose or poses an image, these rules and constant offsets of the numbers are
    held against the depth: another one is taken where it is clearly better.

    Args:
        indices: of the images, ascending.
        by_number: camera to world, by the number it has in its file.
        read: the depth of an image as a frame with a pose.
    """
    first, *others = _possible(indices, by_number)
    gaps = len([index for index in indices if index not in first.poses])
    said = first.rule + (f"; {gaps} images have none" if gaps else "")
    if not others:
        return Association(first.poses, said)
    shares = {a.rule: _agreement(a, indices, read) for a in (first, *others)}
    best = max((first, *others), key=lambda a: shares[a.rule])
    ours, theirs = shares[first.rule], shares[best.rule]
    needed = max(NEEDED_SHARE, ours + CLEARLY_BETTER, (1 + ours) / 2)
    if best is not first and theirs >= needed:
        taken = f"{best.rule}, with which {theirs:.0%} of the depth agrees with other frames, not "
        return Association(best.poses, f"{taken}the rule that {first.rule}, with which {ours:.0%}")
    compared = f"{ours:.0%} of the depth agrees, with an offset no more than "
    compared += f"{max(shares[a.rule] for a in others):.0%}"
    return Association(first.poses, f"{said} ({compared})" if gaps else said)


def _possible(indices: tuple[int, ...], by_number: _Poses) -> list[Association]:
    """The usual rule first, then others that give at least half of the images a pose."""
    plain = Association(by_number, "a pose belongs to the image of its number")
    if set(indices) == set(by_number):
        return [plain]
    usual = [plain]
    if len(indices) == len(by_number):
        ordered = dict(zip(indices, (by_number[n] for n in sorted(by_number)), strict=True))
        rule = f"images and poses are numbered differently, so the n-th of {len(indices)} belongs "
        usual.insert(0, Association(ordered, f"{rule}to the n-th"))
    ends = (min(indices) - min(by_number), max(indices) - max(by_number)) if indices else ()
    for offset in dict.fromkeys((*ends, 1, -1)):
        moved = {number + offset: pose for number, pose in by_number.items()}
        rule = f"the image of number n + {offset}".replace("+ -", "- ")
        if offset:
            usual.append(Association(moved, f"pose n belongs to {rule}"))
    enough = max(_FEWEST, len(indices) / 2)
    others = [a for a in usual[1:] if len(_posed(a, indices)) >= enough]
    same = usual[0].poses
    return [usual[0], *(a for a in others if not _equal(a.poses, same, indices))]


def _equal(one: _Poses, other: _Poses, indices: tuple[int, ...]) -> bool:
    """Whether two associations give every image the same pose."""
    return all(one.get(index) is other.get(index) for index in indices)


def _posed(association: Association, indices: tuple[int, ...]) -> tuple[int, ...]:
    poses = association.poses
    return tuple(i for i in indices if i in poses and np.isfinite(poses[i]).all())


def _agreement(
    association: Association,
    indices: tuple[int, ...],
    read: Callable[[int, np.ndarray], Frame],
) -> float:
    """The share of the depth of some frames that agrees with others; 0 where there are too few."""
    posed = _posed(association, indices)
    if len(posed) < _FEWEST:
        return 0.0
    places = np.linspace(0, len(posed) - 1, min(len(posed), _COMPARED)).round().astype(int)
    chosen = (posed[place] for place in places)
    return agreement(tuple(read(index, association.poses[index]) for index in chosen)).share
