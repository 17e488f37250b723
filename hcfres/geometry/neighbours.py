"""The spherical query: points within a radius, by a grid of cells."""

from dataclasses import dataclass
from typing import Literal, no_type_check

import numpy as np
from jaxtyping import Float, Float64, Int32, Int64

from hcfres.geometry.kernel import kernel

MAX_CELLS = 1 << 24
"""Cells grow beyond the radius where the points' extent would need more of them."""

Order = Literal["nearest", "index"]


@dataclass(frozen=True)
class PointGrid:
    """Points sorted into cubic cells at least `radius` wide; made by `point_grid`."""

    points: Float64[np.ndarray, "points 3"]
    """In the order of their cells."""
    numbers: Int32[np.ndarray, " points"]
    """The number that each of them had in the input."""
    cell_starts: Int64[np.ndarray, " cells_plus_one"]
    origin: Float64[np.ndarray, "3"]
    cells: Int64[np.ndarray, "3"]
    cell_m: float
    radius: float

    def query(
        self,
        queries: Float[np.ndarray, "queries 3"],
        count: int,
        order: Order = "nearest",
    ) -> tuple[Int32[np.ndarray, "queries near"], Int32[np.ndarray, " queries"]]:
        """The points strictly nearer than the radius to each query, at most `count` of them.

        Args:
            queries: same frame and unit as the points; one with a NaN has no neighbours.
            order: "nearest" takes and lists the nearest ones first, equal distances by index;
                "index" takes those of smallest index (the ancestors' ball query).

        Returns:
            indices: of the points, -1 beyond the last neighbour.
            counts: neighbours listed for each query.
        """
        doubles = np.ascontiguousarray(queries, dtype=np.float64)
        table = (self.points, self.numbers, self.cell_starts)
        frame = (self.origin, self.cells, self.cell_m)
        limits = (self.radius, count, order == "index")
        found: tuple[np.ndarray, np.ndarray] = _query(doubles, table, frame, limits)
        return found


def point_grid(points: Float[np.ndarray, "points 3"], radius: float) -> PointGrid:
    """Sort points into cells for queries of one radius.

    Raises:
        ValueError: the radius is not positive, or a coordinate is not finite.
    """
    if not radius > 0:
        raise ValueError(f"the radius must be positive, not {radius}")
    doubles = np.ascontiguousarray(points, dtype=np.float64)
    if not np.isfinite(doubles).all():
        raise ValueError("a point with a coordinate that is not finite cannot be searched for")
    low = doubles.min(axis=0) if len(doubles) else np.zeros(3)
    extent = doubles.max(axis=0) - low if len(doubles) else np.zeros(3)
    cell = float(radius)
    while np.prod(np.floor(extent / cell) + 1) > MAX_CELLS:
        cell *= 2
    cells = (np.floor(extent / cell) + 1).astype(np.int64)
    place = np.minimum(np.floor((doubles - low) / cell).astype(np.int64), cells - 1)
    flat = (place[:, 0] * cells[1] + place[:, 1]) * cells[2] + place[:, 2]
    order = np.argsort(flat, kind="stable")
    starts = np.zeros(int(cells.prod()) + 1, dtype=np.int64)
    np.cumsum(np.bincount(flat, minlength=len(starts) - 1), out=starts[1:])
    return PointGrid(
        doubles[order], order.astype(np.int32), starts, low, cells, cell, float(radius)
    )


@kernel
@no_type_check
def _insert(numbers, ranks, held, number, rank):
    """Put one neighbour into a short list sorted by (rank, number); returns the new length."""
    if held == len(numbers):
        if rank > ranks[-1] or (rank == ranks[-1] and number > numbers[-1]):
            return held
        held -= 1
    at = held
    while at > 0 and (ranks[at - 1] > rank or (ranks[at - 1] == rank and numbers[at - 1] > number)):
        ranks[at], numbers[at] = ranks[at - 1], numbers[at - 1]
        at -= 1
    ranks[at], numbers[at] = rank, number
    return held + 1


@kernel
@no_type_check
def _query(queries, table, frame, limits):
    points, numbers, starts = table
    origin, cells, cell = frame
    radius, count, by_index = limits
    found = np.full((len(queries), count), -1, np.int32)
    counts = np.zeros(len(queries), np.int32)
    ranks = np.empty(count)
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    reach = radius * (1 + 1e-6)  # a cell's border is rounded, a neighbour is not to be missed
    for q in range(len(queries)):
        outside = False
        for axis in range(3):
            offset = queries[q, axis] - origin[axis]
            if not (offset > -reach and offset < cells[axis] * cell + reach):
                outside = True
                break
            low[axis] = max(np.int64(np.floor((offset - reach) / cell)), 0)
            high[axis] = min(np.int64(np.floor((offset + reach) / cell)), cells[axis] - 1)
        if outside:
            continue
        held = 0
        for i in range(low[0], high[0] + 1):
            for j in range(low[1], high[1] + 1):
                row = (i * cells[1] + j) * cells[2]
                for p in range(starts[row + low[2]], starts[row + high[2] + 1]):
                    dx = points[p, 0] - queries[q, 0]
                    dy = points[p, 1] - queries[q, 1]
                    dz = points[p, 2] - queries[q, 2]
                    squared = dx * dx + dy * dy + dz * dz
                    if squared < radius * radius:
                        rank = np.float64(numbers[p]) if by_index else squared
                        held = _insert(found[q], ranks, held, numbers[p], rank)
        counts[q] = held
    return found, counts
