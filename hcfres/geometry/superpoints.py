"""Superpoints: groups of neighbouring vertices with similar normals.

Felzenszwalb and Huttenlocher's graph segmentation (2004) with the edge weights of ScanNet's
Segmentator. The order of equal weights is fixed (stable sort), so equal input gives equal labels;
against the Segmentator itself, whose sort is not stable, compare by `adjusted_rand_index`.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int, Int64
from scipy.spatial import cKDTree

from hcfres.geometry.kernel import kernel


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
        ValueError: a face names a vertex that does not exist.
    """
    if faces.size and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise ValueError(
            f"a face names vertex {faces.min() if faces.min() < 0 else faces.max()}, "
            f"but the mesh has {len(vertices)} vertices"
        )
    points = np.ascontiguousarray(vertices, dtype=np.float32)
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
    convex edges are not made cheaper as `segment_mesh` makes them.
    """
    count = min(neighbours + 1, len(vertices))
    if count < 2:
        return np.zeros(len(vertices), dtype=np.int64)
    _, near = cKDTree(vertices).query(vertices, k=count)
    normals = _principal_normals(np.asarray(vertices, dtype=np.float64), near)
    starts = np.repeat(np.arange(len(vertices), dtype=np.int64), count - 1)
    edges = np.stack([starts, near[:, 1:].reshape(-1).astype(np.int64)], axis=1)
    cosines = np.abs(np.einsum("ed,ed->e", normals[edges[:, 0]], normals[edges[:, 1]]))
    weights = np.maximum(1 - cosines, 0).astype(np.float32)
    return segment_graph(edges, weights, len(vertices), k_threshold, min_vertices)


def segment_graph(
    edges: Int64[np.ndarray, "edges 2"],
    weights: Float32[np.ndarray, " edges"],
    count: int,
    k_threshold: float,
    min_vertices: int,
) -> Int64[np.ndarray, " points"]:
    """Label the `count` nodes of a weighted graph, 0..N_S-1 in order of first node.

    Edges are visited by ascending weight, equal ones in the order given.
    """
    order = np.argsort(weights, kind="stable")
    roots = _merge(
        np.ascontiguousarray(edges[order]),
        np.ascontiguousarray(weights[order]),
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


def _pairs(sizes: Int[np.ndarray, " groups"]) -> float:
    """How many pairs lie within groups of these sizes."""
    wide = sizes.astype(np.float64)
    return float((wide * (wide - 1) / 2).sum())


def _principal_normals(
    points: Float[np.ndarray, "points 3"], near: Int[np.ndarray, "points near"]
) -> Float[np.ndarray, "points 3"]:
    """Direction of least spread of each neighbourhood, of unknown sign."""
    offsets = points[near] - points[near].mean(axis=1, keepdims=True)
    _, axes = np.linalg.eigh(np.einsum("pni,pnj->pij", offsets, offsets))
    return axes[:, :, 0]


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
        if not length > 0:
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
    edges = np.empty((3 * len(faces), 2), np.int64)
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
