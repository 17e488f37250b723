"""Superpoints: groups of neighbouring vertices with similar normals.

Felzenszwalb and Huttenlocher's graph segmentation (2004) with the edge weights of ScanNet's
Segmentator. The order of equal weights is fixed (stable sort), so equal input gives equal labels;
against the Segmentator itself, whose sort is not stable, compare by `partitions.Agreement`.

A vertex without a normal (no faces, only degenerate ones, or neighbours on a line) has the normal
zero: all its edges weigh 1, as a right angle does, so it joins others only where those are too
small to stand alone.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int, Int64
from scipy.spatial import cKDTree

from hcfres.geometry.kernel import kernel

_AT_ONCE = 1 << 16
"""Points or edges of a cloud worked on together: memory grows with the edges alone."""
_LINE = 1e-8
"""Neighbours whose second spread is so small a part of the first lie on a line, or at a point."""


def segment_mesh(
    vertices: Float[np.ndarray, "points 3"],
    faces: Int[np.ndarray, "faces 3"],
    k_threshold: float = 0.01,
    min_vertices: int = 20,
) -> Int64[np.ndarray, " points"]:
    """Label every vertex of a mesh with its superpoint, 0..N_S-1 in order of first vertex.

    Args:
        vertices: metres, any frame; computed with in float32.
        faces: three vertex numbers each; degenerate ones connect, but do not bend the normals.
        k_threshold: k of the paper by Felzenszwalb; larger makes larger superpoints.
        min_vertices: smaller groups are merged along edges. A connected part of the mesh that is
            smaller than this (an isolated vertex, say) stays a superpoint of its own.

    Raises:
        ValueError: a face names a vertex that does not exist, or a coordinate is not finite.
    """
    if faces.size and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise ValueError(
            f"a face names vertex {faces.min() if faces.min() < 0 else faces.max()}, "
            f"but the mesh has {len(vertices)} vertices"
        )
    points = np.ascontiguousarray(vertices, dtype=np.float32)
    _require_finite(points)
    triangles = np.ascontiguousarray(faces, dtype=np.int64)
    edges, weights = _mesh_edges(points, triangles, _vertex_normals(points, triangles))
    return segment_graph(edges, weights, len(points), k_threshold, min_vertices)


def segment_points(
    vertices: Float[np.ndarray, "points 3"],
    k_threshold: float = 0.01,
    min_vertices: int = 20,
    neighbours: int = 12,
) -> Int64[np.ndarray, " points"]:
    """Label every point of a cloud without faces with its superpoint, 0..N_S-1.

    The graph joins each point with its nearest `neighbours`; normals come from the principal axes
    of the same neighbourhood. Their sign is unknown, so the angle is taken between lines, and
    convex edges are not made cheaper as `segment_mesh` makes them. Points at the same place are
    one node: they share a label, and `min_vertices` counts them once.

    Raises:
        ValueError: a coordinate is not finite.
    """
    _require_finite(vertices)
    count = min(neighbours + 1, len(vertices))
    if count < 2:
        return np.zeros(len(vertices), dtype=np.int64)
    distances, near = cKDTree(vertices).query(vertices, k=count)
    if not distances[:, 1].all():
        places, place_of = _distinct(vertices)
        if len(places) < len(vertices):
            return segment_points(places, k_threshold, min_vertices, neighbours)[place_of]
    normals = _principal_normals(np.asarray(vertices, dtype=np.float64), near)
    pairs = np.empty((len(vertices), count - 1, 2), np.int32)
    pairs[:, :, 0], pairs[:, :, 1] = np.arange(len(vertices))[:, None], near[:, 1:]
    edges = pairs.reshape(-1, 2)
    return segment_graph(
        edges, _line_weights(normals, edges), len(vertices), k_threshold, min_vertices
    )


def segment_graph(
    edges: Int[np.ndarray, "edges 2"],
    weights: Float32[np.ndarray, " edges"],
    count: int,
    k_threshold: float,
    min_vertices: int,
) -> Int64[np.ndarray, " points"]:
    """Label the `count` (below 2^31) nodes of a weighted graph, 0..N_S-1 in order of first node.

    Edges are visited by ascending weight, equal ones in the order given.
    """
    order = np.argsort(weights, kind="stable")
    roots = _merge(
        edges.astype(np.int32, copy=False).take(order, axis=0),
        weights.take(order),
        count,
        np.float32(k_threshold),
        min_vertices,
    )
    return compact(roots)


def compact(labels: Int[np.ndarray, " points"]) -> Int64[np.ndarray, " points"]:
    """Renumber arbitrary labels (such as segs.json's) to 0..N_S-1 in order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _require_finite(points: Float[np.ndarray, "points 3"]) -> None:
    wrong = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(wrong):
        raise ValueError(
            f"{len(wrong)} of {len(points)} vertices are not finite, first vertex {wrong[0]}"
        )


def _distinct(
    points: Float[np.ndarray, "points 3"],
) -> tuple[Float[np.ndarray, "places 3"], Int64[np.ndarray, " points"]]:
    """The different points in order of first appearance, and which of them each point is."""
    _, number = np.unique(points, axis=0, return_inverse=True)
    place_of = compact(number.reshape(-1))
    _, first = np.unique(place_of, return_index=True)
    return points[first], place_of


def _principal_normals(
    points: Float[np.ndarray, "points 3"], near: Int[np.ndarray, "points near"]
) -> Float[np.ndarray, "points 3"]:
    """Direction of least spread of each neighbourhood, of unknown sign; zero if it is a line."""
    normals = np.zeros((len(points), 3))
    for start in range(0, len(points), _AT_ONCE):
        around = points[near[start : start + _AT_ONCE]]
        offsets = around - around.mean(axis=1, keepdims=True)
        spreads, axes = np.linalg.eigh(np.einsum("pni,pnj->pij", offsets, offsets))
        flat = spreads[:, 1] > _LINE * spreads[:, 2]
        normals[start : start + _AT_ONCE][flat] = axes[flat, :, 0]
    return normals


def _line_weights(
    normals: Float[np.ndarray, "points 3"], edges: Int[np.ndarray, "edges 2"]
) -> Float32[np.ndarray, " edges"]:
    """One less the cosine of the angle between the lines that two normals lie on."""
    weights = np.empty(len(edges), np.float32)
    for start in range(0, len(edges), _AT_ONCE):
        one, other = edges[start : start + _AT_ONCE].T
        cosines = np.abs(np.einsum("ed,ed->e", normals[one], normals[other]))
        weights[start : start + _AT_ONCE] = np.maximum(1 - cosines, 0)
    return weights


@kernel
@no_type_check
def _vertex_normals(points, faces):
    """Running mean of the face normals in file order, float32, not renormalised."""
    normals = np.zeros((len(points), 3), np.float32)
    counts = np.zeros(len(points), np.int32)
    one = np.float32(1)
    for face in range(len(faces)):
        a, b, c = points[faces[face, 0]], points[faces[face, 1]], points[faces[face, 2]]
        ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        length = np.float32(np.sqrt(nx * nx + ny * ny + nz * nz))
        if not 0 < length < np.inf:
            continue
        nx, ny, nz = nx / length, ny / length, nz / length
        for corner in range(3):
            i = faces[face, corner]
            new = one / np.float32(counts[i] + 1)
            old = one - new
            normals[i, 0] = old * normals[i, 0] + new * nx
            normals[i, 1] = old * normals[i, 1] + new * ny
            normals[i, 2] = old * normals[i, 2] + new * nz
            counts[i] += 1
    return normals


@kernel
@no_type_check
def _mesh_edges(points, faces, normals):
    """Three edges a face, repeated where faces share them; convex ones are cheaper."""
    edges = np.empty((3 * len(faces), 2), np.int32)
    weights = np.empty(3 * len(faces), np.float32)
    for face in range(len(faces)):
        first, second, third = faces[face]
        for side in range(3):
            a = first if side < 2 else third
            b = third if side == 1 else second
            at = 3 * face + side
            edges[at, 0], edges[at, 1] = a, b
            cosine, along = np.float32(0), np.float32(0)
            for axis in range(3):
                cosine += normals[a, axis] * normals[b, axis]
                along += normals[b, axis] * (points[b, axis] - points[a, axis])
            weight = np.float32(1) - cosine
            if along > 0:
                weight = weight * weight
            weights[at] = weight
    return edges, weights


@kernel
@no_type_check
def _find(parents, node):
    """The root of `node`; halves the path on the way."""
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@kernel
@no_type_check
def _join(parents, ranks, sizes, a, b):
    """Union by rank; returns the root that remains."""
    if ranks[a] > ranks[b]:
        a, b = b, a
    elif ranks[a] == ranks[b]:
        ranks[b] += 1
    parents[a] = b
    sizes[b] += sizes[a]
    return b


@kernel
@no_type_check
def _merge(edges, weights, count, k_threshold, min_vertices):
    """Root of every node after both passes over the sorted edges."""
    parents = np.arange(count)
    ranks = np.zeros(count, np.int32)
    sizes = np.ones(count, np.int64)
    thresholds = np.full(count, k_threshold, np.float32)
    for edge in range(len(edges)):
        a, b = _find(parents, edges[edge, 0]), _find(parents, edges[edge, 1])
        weight = weights[edge]
        if a != b and weight <= thresholds[a] and weight <= thresholds[b]:
            root = _join(parents, ranks, sizes, a, b)
            thresholds[root] = weight + k_threshold / np.float32(sizes[root])
    for edge in range(len(edges)):
        a, b = _find(parents, edges[edge, 0]), _find(parents, edges[edge, 1])
        if a != b and (sizes[a] < min_vertices or sizes[b] < min_vertices):
            _join(parents, ranks, sizes, a, b)
    return np.array([_find(parents, node) for node in range(count)])
