"""Two partitions of the same vertices held against each other, whoever made them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Int64

from hcfres.geometry.superpoints import compact


@dataclass(frozen=True)
class Side:
    """One of two partitions, seen from the other."""

    segments: int
    sizes: tuple[int, float, int]
    """Vertices of the smallest, the median and the largest segment; 0 where there is none."""
    purity: float
    """Share of the vertices in that part of their segment that one segment of the other holds."""
    under_segmentation: float
    """How far segments run over several of the other's: over all pairs that overlap, the smaller
    of the common part and the rest of the segment, summed, by vertex (Neubert and Protzel, 2012).
    0 when every segment lies in one of the other's; the other's value is this one's
    over-segmentation."""


@dataclass(frozen=True)
class Agreement:
    """How two partitions of the same vertices compare."""

    vertices: int
    adjusted_rand: float
    common: int
    """Segments that both have, vertex for vertex."""
    one: Side
    other: Side

    @property
    def equal(self) -> bool:
        """Whether they differ in nothing but the numbers of the segments."""
        return self.common == self.one.segments == self.other.segments


def compare_partitions(
    one: Int[np.ndarray, " points"], other: Int[np.ndarray, " points"]
) -> Agreement:
    """Compare two labellings; the labels themselves mean nothing."""
    first, second = compact(one), compact(other)
    sizes, other_sizes = np.bincount(first), np.bincount(second)
    pairs, counts = np.unique(first * max(len(other_sizes), 1) + second, return_counts=True)
    rows, columns = np.divmod(pairs, max(len(other_sizes), 1))
    common = (counts == sizes[rows]) & (counts == other_sizes[columns])
    return Agreement(
        vertices=len(first),
        adjusted_rand=adjusted_rand_index(first, second),
        common=int(common.sum()),
        one=_side(sizes, rows, counts),
        other=_side(other_sizes, columns, counts),
    )


def adjusted_rand_index(
    one: Int[np.ndarray, " points"], other: Int[np.ndarray, " points"]
) -> float:
    """Agreement of two partitions (Hubert and Arabie, 1985): 1 when equal, about 0 by chance."""
    first, second = compact(one), compact(other)
    _, joint = np.unique(first * len(second) + second, return_counts=True)
    together = _pairs(joint)
    in_one, in_other = _pairs(np.bincount(first)), _pairs(np.bincount(second))
    every = _pairs(np.array([len(first)]))
    expected = in_one * in_other / every if every else 0.0
    best = (in_one + in_other) / 2
    return 1.0 if best == expected else (together - expected) / (best - expected)


def _side(
    sizes: Int64[np.ndarray, " groups"],
    group: Int64[np.ndarray, " overlaps"],
    common: Int64[np.ndarray, " overlaps"],
) -> Side:
    """A partition by its segments' sizes and, for every overlap, its segment and common part."""
    if not len(sizes):
        return Side(0, (0, 0.0, 0), 1.0, 0.0)
    largest = np.zeros(len(sizes), np.int64)
    np.maximum.at(largest, group, common)
    leaks = np.minimum(common, sizes[group] - common)
    vertices = int(sizes.sum())
    return Side(
        segments=len(sizes),
        sizes=(int(sizes.min()), float(np.median(sizes)), int(sizes.max())),
        purity=int(largest.sum()) / vertices,
        under_segmentation=int(leaks.sum()) / vertices,
    )


def _pairs(sizes: Int[np.ndarray, " groups"]) -> float:
    """How many pairs lie within groups of these sizes."""
    wide = sizes.astype(np.float64)
    return float((wide * (wide - 1) / 2).sum())
