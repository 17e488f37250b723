"""Sums over pixels at the vertices, and the means over vertices and superpoints made of them."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float64, Int64
from scipy.sparse import csr_array

from hcfres.data.features import LiftingOperator, Superpoints
from hcfres.geometry.kernel import kernel
from hcfres.semantics.columns import ColumnWeights
from hcfres.semantics.hits import PixelHits


class VertexSums:
    """sum_frames H^T B, taken in frame by frame; `operator` divides when all frames are in."""

    def __init__(self, superpoints: Superpoints, dilute_unseen: bool) -> None:
        """With `dilute_unseen` a superpoint is the mean over all its vertices, unseen ones zero."""
        self._labels = superpoints.labels.astype(np.int64)
        self._dilute_unseen = dilute_unseen
        self._vertices: list[Int64[np.ndarray, " entries"]] = []
        self._columns: list[Int64[np.ndarray, " entries"]] = []
        self._weights: list[Float64[np.ndarray, " entries"]] = []

    def add(self, hits: PixelHits, columns: ColumnWeights, first_column: int) -> None:
        """Take in one frame, whose columns begin at `first_column` of the operator."""
        starts, positions = _by_vertex(hits.starts, hits.vertices, len(self._labels))
        vertices, numbers, weights = _sum_per_vertex(
            starts,
            hits.pixels[positions],
            (columns.starts, columns.columns, columns.weights),
            columns.count,
        )
        self._vertices.append(vertices)
        self._columns.append(numbers + first_column)
        self._weights.append(weights)

    def operator(self, columns: int) -> LiftingOperator:
        """Mean over hits at the vertices, then over seen vertices (or all) at the superpoints."""
        vertices = np.concatenate([np.zeros(0, np.int64), *self._vertices])
        numbers = np.concatenate([np.zeros(0, np.int64), *self._columns])
        weights = np.concatenate([np.zeros(0), *self._weights])
        hits = np.bincount(vertices, weights, len(self._labels)).astype(np.float64)
        scaled = weights * self._scales(hits)[vertices]
        superpoints = int(self._labels.max(initial=-1)) + 1
        return _summed_csr(self._labels[vertices], numbers, scaled, (superpoints, columns))

    def _scales(self, hits: Float64[np.ndarray, " points"]) -> Float64[np.ndarray, " points"]:
        """What a hit of each vertex is worth in its superpoint's mean."""
        seen = hits > 0
        counted = np.ones_like(seen) if self._dilute_unseen else seen
        members = np.bincount(self._labels[counted], minlength=1)
        scales = np.zeros_like(hits)
        scales[seen] = 1 / (hits[seen] * members[self._labels[seen]])
        return scales


def _summed_csr(
    rows: Int64[np.ndarray, " entries"],
    columns: Int64[np.ndarray, " entries"],
    weights: Float64[np.ndarray, " entries"],
    shape: tuple[int, int],
) -> LiftingOperator:
    """The matrix of these entries, equal places added up, columns ascending in each row."""
    matrix = csr_array((weights, (rows, columns)), shape=shape)  # adds up
    matrix.sort_indices()
    return LiftingOperator(
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int64),
        matrix.data,
        np.array(shape, dtype=np.int64),
    )


@kernel
@no_type_check
def _by_vertex(starts, vertices, count):
    """The hits turned round: the pixels, by position, that reach each vertex."""
    fill = np.zeros(count + 1, np.int64)
    for hit in range(len(vertices)):
        fill[vertices[hit] + 1] += 1
    vertex_starts = np.cumsum(fill)
    fill = vertex_starts.copy()
    positions = np.empty(len(vertices), np.int32)
    for position in range(len(starts) - 1):
        for hit in range(starts[position], starts[position + 1]):
            vertex = vertices[hit]
            positions[fill[vertex]] = position
            fill[vertex] += 1
    return vertex_starts, positions


@kernel
@no_type_check
def _sum_per_vertex(vertex_starts, pixels, entries, count):
    """(vertex, column, weight) of H^T B, by vertex, columns in the order of their first pixel."""
    starts, columns, weights = entries
    capacity = 1024 + 4 * len(vertex_starts)
    out_vertices, out_columns = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
    out_weights = np.empty(capacity)
    row, touched = np.zeros(count), np.empty(count, np.int64)
    used = 0
    for vertex in range(len(vertex_starts) - 1):
        width = 0
        for hit in range(vertex_starts[vertex], vertex_starts[vertex + 1]):
            pixel = pixels[hit]
            for entry in range(starts[pixel], starts[pixel + 1]):
                if weights[entry] == 0:
                    continue
                column = columns[entry]
                if row[column] == 0:
                    touched[width] = column
                    width += 1
                row[column] += weights[entry]
        if used + width > capacity:
            capacity = 2 * capacity + width
            out_vertices = np.append(out_vertices[:used], np.empty(capacity - used, np.int64))
            out_columns = np.append(out_columns[:used], np.empty(capacity - used, np.int64))
            out_weights = np.append(out_weights[:used], np.empty(capacity - used))
        for at in range(width):
            out_vertices[used], out_columns[used] = vertex, touched[at]
            out_weights[used] = row[touched[at]]
            row[touched[at]] = 0
            used += 1
    return out_vertices[:used].copy(), out_columns[:used].copy(), out_weights[:used].copy()
