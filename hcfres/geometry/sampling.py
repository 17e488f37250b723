"""Farthest point sampling, exact."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int64

from hcfres.geometry.kernel import kernel

ORIGIN_SQUARED_M2 = 1e-3
"""`skips_origin`: points whose squared length is at most this are left out."""
_LEGACY_THREADS = 512


def farthest_points(
    points: Float[np.ndarray, "points 3"],
    count: int,
    start: int = 0,
    skips_origin: bool = False,
) -> Int64[np.ndarray, " seeds"]:
    """Indices of points, each the farthest from all before it, beginning with `start`.

    Equal distances go to the smaller index. No index repeats: with fewer than `count` points all
    of them are returned, in this order.

    Args:
        points: metres, any frame.
        skips_origin: the ancestors' kernel, for `legacy = ["fps_skips_origin"]`: float32, points
            within 3.2 cm of the origin are never chosen (but as the start), equal distances go by
            thread, and exactly `count` indices are returned, repeating when the points run out.

    Raises:
        ValueError: `start` is not the index of a point.
    """
    if not len(points) and start == 0:
        return np.zeros(0, dtype=np.int64)
    if not 0 <= start < len(points):
        raise ValueError(f"start {start} is not one of the {len(points)} points")
    if skips_origin:
        threads = min(1 << (len(points).bit_length() - 1), _LEGACY_THREADS)
        singles = np.ascontiguousarray(points, dtype=np.float32)
        limit = np.float32(ORIGIN_SQUARED_M2)
        chosen: np.ndarray = _farthest_off_origin(singles, count, start, threads, limit)
        return chosen
    doubles = np.ascontiguousarray(points, dtype=np.float64)
    chosen = _farthest(doubles, min(count, len(points)), start)
    return chosen


@kernel
@no_type_check
def _farthest(points, count, start):
    chosen = np.empty(count, np.int64)
    nearest = np.full(len(points), np.inf)
    last = start
    for turn in range(count):
        chosen[turn] = last
        nearest[last] = -1.0
        x, y, z = points[last]
        best, farthest = -1.0, last
        for i in range(len(points)):
            dx, dy, dz = points[i, 0] - x, points[i, 1] - y, points[i, 2] - z
            distance = min(dx * dx + dy * dy + dz * dz, nearest[i])
            nearest[i] = distance
            if distance > best:
                best, farthest = distance, i
        last = farthest
    return chosen


@kernel
@no_type_check
def _farthest_off_origin(points, count, start, threads, origin):
    """One pass a thread, threads in order: the tie order of a strided reduction."""
    chosen = np.empty(count, np.int64)
    nearest = np.full(len(points), np.float32(1e10))
    last = start
    for turn in range(count):
        chosen[turn] = last
        x, y, z = points[last]
        best, farthest = np.float32(-1), 0
        for thread in range(threads):
            for i in range(thread, len(points), threads):
                px, py, pz = points[i]
                if px * px + py * py + pz * pz <= origin:
                    continue
                dx, dy, dz = px - x, py - y, pz - z
                distance = min(dx * dx + dy * dy + dz * dz, nearest[i])
                nearest[i] = distance
                if distance > best:
                    best, farthest = distance, i
        last = farthest
    return chosen
