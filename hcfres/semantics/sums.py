"""Sums over pixels at the vertices, and the means over vertices and superpoints made of them."""

from typing import no_type_check

import numpy as np

from hcfres.data.features import LiftingOperator, Superpoints
from hcfres.geometry.kernel import kernel
from hcfres.semantics.columns import ColumnWeights
from hcfres.semantics.hits import PixelHits


class VertexSums:
    """H^T B frame by frame; `operator` divides when all frames are in."""

    def __init__(self, superpoints: Superpoints, dilute_unseen: bool) -> None:
        self._labels = superpoints.labels.astype(np.int64)
        self._dilute_unseen = dilute_unseen
        self._hits = np.zeros(len(self._labels))
        self._frames: list[tuple[np.ndarray, np.ndarray, np.ndarray, int]] = []

    def add(self, hits: PixelHits, columns: ColumnWeights, first_column: int) -> None:
        """Take in one frame, whose columns follow `first_column` in the operator."""
        by_vertex = _by_vertex(hits.starts, hits.vertices, len(self._labels))
        vertices, numbers, weights = _sum_per_vertex(
            *by_vertex, hits.pixels, columns.starts, columns.columns, columns.weights, columns.count
        )
        self._hits += np.bincount(vertices, weights=weights, minlength=len(self._hits))
        self._frames.append((vertices, numbers, weights, first_column))

    def operator(self, columns: int) -> LiftingOperator:
        """Mean over hits at the vertices, then over seen vertices (or all) at the superpoints."""
        superpoints = int(self._labels.max()) + 1 if len(self._labels) else 0
        counted = np.ones(len(self._hits), bool) if self._dilute_unseen else self._hits > 0
        members = np.bincount(self._labels[counted], minlength=superpoints)
        scales = np.zeros(len(self._hits))
        seen = self._hits > 0
        scales[seen] = 1 / (self._hits[seen] * members[self._labels[seen]])
        rows, numbers, weights = [], [], []
        for vertices, local, sums, first_column in self._frames:
            merged = _merge_rows(self._labels[vertices], local, sums * scales[vertices])
            rows.append(merged[0])
            numbers.append(merged[1] + first_column)
            weights.append(merged[2])
        return _csr(_join(rows), _join(numbers), _join(weights, float), (superpoints, columns))


def _join(parts: list[np.ndarray], kind: type = np.int64) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)


def _merge_rows(rows, columns, weights):
    """Add up the weights of equal (row, column); both ascending afterwards."""
    width = int(columns.max()) + 1 if len(columns) else 1
    keys, place = np.unique(rows * width + columns, return_inverse=True)
    return keys // width, keys % width, np.bincount(place, weights=weights, minlength=len(keys))


def _csr(rows, columns, weights, shape):
    order = np.argsort(rows, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
    return LiftingOperator(
        starts, columns[order].astype(np.int32), weights[order], np.array(shape, dtype=np.int64)
    )


@kernel
@no_type_check
def _by_vertex(starts, vertices, count):
    """The hits turned round: which pixels (by position) reach each vertex."""
    vertex_starts = np.zeros(count + 1, np.int64)
    for vertex in vertices:
        vertex_starts[vertex + 1] += 1
    vertex_starts = np.cumsum(vertex_starts)
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
def _sum_per_vertex(vertex_starts, positions, pixels, starts, columns, weights, count):
    """(vertex, column, weight) of H^T B, by vertex; columns in order of first use."""
    out_vertices = np.empty(0, np.int64)
    row = np.zeros(count)
    touched = np.empty(count, np.int64)
    used = 0
    for turn in range(2):  # first count the entries, then write them
        if turn == 1:
            out_vertices = np.empty(used, np.int64)
            out_columns = np.empty(used, np.int64)
            out_weights = np.empty(used, np.float64)
        used = 0
        for vertex in range(len(vertex_starts) - 1):
            pass
    return out_vertices, out_columns, out_weights
