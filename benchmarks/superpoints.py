"""Superpoints compiled against the same algorithm in plain Python, in one run on one thread.

    OMP_NUM_THREADS=1 python benchmarks/superpoints.py [--side 200]

The mesh is a square height field of side x side vertices with steps and noise. Quote the ratio;
the times are this machine's.
"""

import argparse
import sys
import time

import numpy as np

from hcfres.geometry.superpoints import adjusted_rand_index, compact, segment_mesh


def main() -> None:
    """Time both, check that they agree, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=200)
    vertices, faces = terrain(parser.parse_args().side)
    segment_mesh(vertices[:3], np.array([[0, 1, 2]]))  # compile
    start = time.perf_counter()
    fast = segment_mesh(vertices, faces)
    between = time.perf_counter()
    slow = plain(vertices, faces, np.float32(0.01), 20)
    end = time.perf_counter()
    agreement = adjusted_rand_index(fast, slow)
    lines = [
        f"{len(vertices)} vertices, {len(faces)} faces, {fast.max() + 1} superpoints",
        f"compiled       {between - start:8.3f} s",
        f"plain Python   {end - between:8.3f} s",
        f"plain : compiled  {(end - between) / (between - start):6.1f}",
        f"adjusted Rand index of the two  {agreement:.6f}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    if agreement < 0.99:
        raise SystemExit("the two do not agree")


def terrain(side: int) -> tuple[np.ndarray, np.ndarray]:
    """A height field: steps every 25 vertices, a little noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    height = 5.0 * ((x // 25 + y // 25) % 2) + rng.normal(0, 0.02, x.shape)
    vertices = np.stack([x, y, height], axis=-1).reshape(-1, 3).astype(np.float32)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).reshape(-1)
    lower = np.stack([corner, corner + 1, corner + side], axis=1)
    upper = np.stack([corner + 1, corner + side + 1, corner + side], axis=1)
    return vertices, np.concatenate([lower, upper])


def plain(
    vertices: np.ndarray, faces: np.ndarray, k_threshold: np.float32, min_vertices: int
) -> np.ndarray:
    """Edges by numpy, union-find by a loop."""
    edges, weights = edges_of(vertices, faces)
    order = np.argsort(weights, kind="stable")
    parents, sizes = list(range(len(vertices))), [1] * len(vertices)
    thresholds = [float(k_threshold)] * len(vertices)

    def find(node: int) -> int:
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    def join(a: int, b: int) -> int:
        small, large = (a, b) if sizes[a] < sizes[b] else (b, a)
        parents[small] = large
        sizes[large] += sizes[small]
        return large

    ends, costs = edges[order].tolist(), weights[order].tolist()
    for (first, second), cost in zip(ends, costs, strict=True):
        a, b = find(first), find(second)
        if a != b and cost <= thresholds[a] and cost <= thresholds[b]:
            root = join(a, b)
            thresholds[root] = cost + float(k_threshold) / sizes[root]
    for first, second in ends:
        a, b = find(first), find(second)
        if a != b and min(sizes[a], sizes[b]) < min_vertices:
            join(a, b)
    return compact(np.array([find(node) for node in range(len(vertices))]))


def edges_of(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The three edges of each face and their weights, from mean vertex normals."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    normals, counts = np.zeros_like(vertices), np.zeros(len(vertices))
    for corner in range(3):
        np.add.at(normals, faces[:, corner], normal)
        np.add.at(counts, faces[:, corner], 1)
    normals /= np.maximum(counts, 1)[:, None].astype(np.float32)
    edges = np.stack([faces[:, [0, 1]], faces[:, [0, 2]], faces[:, [2, 1]]], axis=1).reshape(-1, 2)
    one, other = normals[edges[:, 0]], normals[edges[:, 1]]
    weights = 1 - (one * other).sum(axis=1)
    convex = (other * (vertices[edges[:, 1]] - vertices[edges[:, 0]])).sum(axis=1) > 0
    return edges, np.where(convex, weights**2, weights).astype(np.float32)


if __name__ == "__main__":
    main()
