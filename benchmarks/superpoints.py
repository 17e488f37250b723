"""Time and memory of superpoints against the number of vertices, and the compiled loop's worth.

    OMP_NUM_THREADS=1 python benchmarks/superpoints.py [--sizes 10000 150000 2000000] [--side 200]

The mesh is a square height field of pyramids with noise, about two faces a vertex; the cloud is its
vertices. Each size runs in a process of its own on one thread; a first call on a small mesh, told
by itself, compiles or reads what was compiled before; memory is the peak while the second call
runs, less what input and libraries held before. Seconds are the processor's.
Then the compiled algorithm against the same in plain Python, in one process. Quote the ratio and
the growth; the times are this machine's.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hcfres.geometry.partitions import adjusted_rand_index
from hcfres.geometry.superpoints import compact, segment_mesh, segment_points

SIZES = (10_000, 30_000, 150_000, 500_000, 2_000_000)
MIB = 1 << 20


def main() -> None:
    """Print one line a kind and size, then the ratio of plain to compiled."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--side", type=int, default=200, help="of the mesh for plain Python")
    parser.add_argument("--one", nargs=2, metavar=("KIND", "SIZE"), help="measure in this process")
    options = parser.parse_args()
    if options.one:
        kind, size = options.one
        say(json.dumps(measure(kind, int(size))))
        return
    say("kind      vertices  superpoints  seconds  us/vertex  peak MiB  bytes/vertex  first call s")
    for kind in ("mesh", "points"):
        for size in options.sizes:
            say(line(kind, in_child(kind, size)))
    against_plain(options.side)


def in_child(kind: str, size: int) -> dict[str, float]:
    """What `measure` finds in a fresh process on one thread."""
    command = [sys.executable, __file__, "--one", kind, str(size)]
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command, env=os.environ | one_thread, check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(kind: str, size: int) -> dict[str, float]:
    """Seconds and peak memory of one segmentation, of about `size` vertices."""
    vertices, faces = terrain(round(size**0.5))

    def run(corners: np.ndarray, triangles: np.ndarray) -> np.ndarray:
        return segment_mesh(corners, triangles) if kind == "mesh" else segment_points(corners)

    _, first = timed(lambda: run(*terrain(8)))
    before = forget_peak()
    labels, seconds = timed(lambda: run(vertices, faces))
    return {
        "vertices": len(vertices),
        "superpoints": int(labels.max()) + 1,
        "seconds": seconds,
        "bytes": peak() - before,
        "first": first,
    }


def timed(run: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """The result and the processor's seconds, which other processes do not lengthen much."""
    start = time.process_time()
    result = run()
    return result, time.process_time() - start


def forget_peak() -> int:
    """Set the process's peak of resident memory back to what it holds now (Linux); bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    """Most resident memory since `forget_peak`, bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(text.split()[1]) for text in lines if text.startswith("VmHWM"))


def line(kind: str, found: dict[str, float]) -> str:
    """One row of the table."""
    vertices, seconds = int(found["vertices"]), found["seconds"]
    return (
        f"{kind:6}  {vertices:10}  {int(found['superpoints']):11}  {seconds:7.3f}  "
        f"{1e6 * seconds / vertices:9.2f}  {found['bytes'] / MIB:8.0f}  "
        f"{found['bytes'] / vertices:12.0f}  {found['first']:12.2f}"
    )


def against_plain(side: int) -> None:
    """Time both, check that they agree, and print the ratio."""
    vertices, faces = terrain(side)
    segment_mesh(*terrain(8))  # compile
    fast, compiled = timed(lambda: segment_mesh(vertices, faces))
    slow, interpreted = timed(lambda: plain(vertices, faces, np.float32(0.01), 20))
    agreement = adjusted_rand_index(fast, slow)
    say(f"{len(vertices)} vertices, {len(faces)} faces, {fast.max() + 1} superpoints")
    say(f"compiled          {compiled:8.3f} s")
    say(f"plain Python      {interpreted:8.3f} s")
    say(f"plain : compiled  {interpreted / compiled:8.1f}")
    say(f"adjusted Rand index of the two  {agreement:.6f}")
    if agreement < 0.99:
        raise SystemExit("the two do not agree")


def say(text: str) -> None:
    """One line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def terrain(side: int) -> tuple[np.ndarray, np.ndarray]:
    """A height field of pyramids, 50 vertices wide and half as high, with a little noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    slopes = [np.abs(axis % 50 - 25) for axis in (x, y)]
    height = np.minimum(25 - slopes[0], 25 - slopes[1]) + rng.normal(0, 0.02, x.shape)
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
