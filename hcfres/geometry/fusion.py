"""One coloured cloud from many depth images: a weighted mean per voxel, and what to believe of it.

A voxel is kept while something was measured in it; the table of voxels grows with the surfaces seen
and is bounded: when it is full, voxels of twice the size take their place.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, UInt8

from hcfres.geometry.camera import project
from hcfres.geometry.kernel import kernel

MOST_VOXELS = 1 << 21
"""At 2 cm some 800 square metres of surface; the table then takes about 190 MB."""
_HALF = 1 << 20
_FREE = -1
_FIRST_SLOTS = 1 << 14
_FEWEST_VOXELS = 8


@dataclass(frozen=True)
class FusedCloud:
    """Points with colours, ordered by voxel."""

    points: Float32[np.ndarray, "points 3"]
    colours: UInt8[np.ndarray, "points 3"]
    frames: Int32[np.ndarray, " points"]
    """How many frames measured something in the point's voxel."""
    voxel_m: float
    """The edge of a voxel; larger than asked for where the table was full."""


class VoxelFusion:
    """A table of voxels that depth images are added to, one after the other."""

    def __init__(self, voxel_m: float, most_voxels: int = MOST_VOXELS) -> None:
        if not voxel_m > 0:
            raise ValueError(f"the voxel's edge must be positive, not {voxel_m}")
        self.voxel_m = float(voxel_m)
        self._most = max(most_voxels, _FEWEST_VOXELS)
        self._frames_added = 0
        self._table = _empty(_FIRST_SLOTS)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(
        self,
        points: Float[np.ndarray, "points 3"],
        colours: UInt8[np.ndarray, "points 3"],
        weights: Float[np.ndarray, " points"],
    ) -> None:
        """Add what one frame measured.

        Args:
            points: world, metres.
            weights: positive, of the mean.

        Raises:
            ValueError: a point is not finite, or a million voxels away from the origin.
        """
        places = np.ascontiguousarray(points, dtype=np.float64)
        if len(places) and not np.abs(places).max() < (_HALF - 2) * self.voxel_m:
            raise ValueError(f"points lie beyond {(_HALF - 2) * self.voxel_m:.0f} m")
        kept = np.ascontiguousarray(weights, dtype=np.float64)
        at = 0
        while at < len(places):
            limit = min(len(self._table[0]) // 2, self._most)
            at, self._count = _add(
                self._table, self._count, limit, places, np.ascontiguousarray(colours), kept,
                self._frames_added, 1 / self.voxel_m, at,
            )  # fmt: skip
            if at < len(places):
                self._make_room()
        self._frames_added += 1

    def cloud(self, least_frames: int = 1) -> FusedCloud:
        """The mean of every voxel that at least so many frames measured."""
        keys, sums, frames, _ = self._table
        slots = np.flatnonzero((keys != _FREE) & (frames >= least_frames))
        slots = slots[np.argsort(keys[slots])]
        weight = sums[slots, :1].astype(np.float64)
        points = (_cells(keys[slots]) + sums[slots, 1:4] / weight) * self.voxel_m
        colours = np.rint(sums[slots, 4:7] / weight).clip(0, 255)
        return FusedCloud(
            points.astype(np.float32), colours.astype(np.uint8), frames[slots], self.voxel_m
        )

    def _make_room(self) -> None:
        """A larger table; or, where that would be too large, larger voxels."""
        keys, sums, frames, last = self._table
        slots = np.flatnonzero(keys != _FREE)
        keys, sums = keys[slots], sums[slots]
        size = 2 * len(self._table[0])
        if self._count >= self._most:
            cells = _cells(keys)
            sums[:, 1:4] = (sums[:, 1:4] + (cells & 1) * sums[:, :1]) / 2
            keys = _keys(cells >> 1)
            self.voxel_m *= 2
            size = len(self._table[0])
        self._table = _empty(size)
        self._count = _merge(self._table, keys, sums, frames[slots], last[slots])


def seen_through(
    points: Float[np.ndarray, "points 3"],
    depth: Float[np.ndarray, "height width"],
    intrinsics: Float[np.ndarray, "3 3"],
    camera_to_world: Float[np.ndarray, "4 4"],
    tolerance: float = 0.03,
) -> tuple[Bool[np.ndarray, " points"], Bool[np.ndarray, " points"]]:
    """What one depth image says about points: there is a surface, or there is nothing.

    Args:
        depth: metres; 0 where nothing was seen, which says nothing about any point.
        tolerance: share of the depth that a measurement may be off.

    Returns:
        confirmed: the depth measured in the point's direction is the point's.
        contradicted: what was measured lies behind the point by more than twice the tolerance.
    """
    pixels, along = project(points, intrinsics, camera_to_world)
    height, width = depth.shape
    ahead = (along > 0) & np.isfinite(pixels).all(axis=1)
    place = np.rint(np.where(ahead[:, None], pixels, -1)).clip(-1, max(height, width))
    column, row = place.astype(np.int64).T
    inside = ahead & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    measured = np.zeros(len(points))
    measured[inside] = depth[row[inside], column[inside]]
    behind = np.where(measured > 0, measured - along, np.nan)
    return np.abs(behind) <= tolerance * along, behind > 2 * tolerance * along


def on_surfaces(
    depth: Float[np.ndarray, "height width"], step: float = 0.05
) -> Bool[np.ndarray, "height width"]:
    """Where the depth is measured and no neighbour's differs from it by more than a share `step`.

    At the border of an object sensors measure points that float between it and what is behind.
    """
    good = np.isfinite(depth) & (depth > 0)
    for axis in (0, 1):
        first, second = np.moveaxis(depth, axis, 0)[:-1], np.moveaxis(depth, axis, 0)[1:]
        both = (first > 0) & (second > 0)
        apart = both & (np.abs(first - second) > step * np.minimum(first, second))
        flat = np.moveaxis(good, axis, 0)
        flat[:-1] &= ~apart
        flat[1:] &= ~apart
    return good


def _empty(slots: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Keys; weight, weighted place within the voxel and colour; frames; the last of them."""
    return (
        np.full(slots, _FREE, np.int64),
        np.zeros((slots, 7), np.float32),
        np.zeros(slots, np.int32),
        np.full(slots, -1, np.int32),
    )


def _cells(keys: np.ndarray) -> np.ndarray:
    parts = [(keys >> shift) & (2 * _HALF - 1) for shift in (42, 21, 0)]
    return np.stack(parts, axis=1) - _HALF


def _keys(cells: np.ndarray) -> np.ndarray:
    x, y, z = (cells + _HALF).T
    return (x << 42) | (y << 21) | z


@kernel
@no_type_check
def _slot(keys, key):
    """The slot that holds a key, or the free one where it belongs."""
    mask = len(keys) - 1
    mixed = key * np.int64(-7046029254386353131)
    at = (mixed >> 20) & mask
    while keys[at] != -1 and keys[at] != key:
        at = (at + 1) & mask
    return at


@kernel
@no_type_check
def _add(table, count, limit, points, colours, weights, frame, per_metre, start):
    """Add points from `start` on until all are in or a new voxel finds no room."""
    keys, sums, frames, last = table
    for n in range(start, len(points)):
        x, y, z = points[n, 0] * per_metre, points[n, 1] * per_metre, points[n, 2] * per_metre
        i, j, k = np.int64(np.floor(x)), np.int64(np.floor(y)), np.int64(np.floor(z))
        key = ((i + 1048576) << 42) | ((j + 1048576) << 21) | (k + 1048576)
        at = _slot(keys, key)
        if keys[at] == -1:
            if count >= limit:
                return n, count
            keys[at] = key
            count += 1
        weight = weights[n]
        sums[at, 0] += weight
        sums[at, 1] += weight * (x - i)
        sums[at, 2] += weight * (y - j)
        sums[at, 3] += weight * (z - k)
        for channel in range(3):
            sums[at, 4 + channel] += weight * colours[n, channel]
        if last[at] != frame:
            last[at] = frame
            frames[at] += 1
    return len(points), count


@kernel
@no_type_check
def _merge(table, new_keys, new_sums, new_frames, new_last):
    """Put voxels into a table, those of one key into one; the number of voxels."""
    keys, sums, frames, last = table
    count = 0
    for n in range(len(new_keys)):
        at = _slot(keys, new_keys[n])
        if keys[at] == -1:
            keys[at] = new_keys[n]
            count += 1
        for column in range(7):
            sums[at, column] += new_sums[n, column]
        frames[at] = max(frames[at], new_frames[n])
        last[at] = max(last[at], new_last[n])
    return count
