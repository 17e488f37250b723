"""Reading a mesh of 150 thousand vertices, against other readers, in one run on one thread.

    OMP_NUM_THREADS=1 python benchmarks/ply.py [--vertices 150000] [--repeats 5]

plyfile and trimesh are measured where they are installed (`pip install plyfile trimesh`; this
project does not need them). Always there is `plain`: each row by the standard library's `struct`,
or each word by `float`. Every reader has to return the same vertices and faces. Quote the ratios:
the times, of the processor, are this machine's. Memory is by how much a process of its own grew at
most, what it returns included.
"""

import argparse
import importlib.util
import json
import os
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hcfres.data.ply import read_ply

Arrays = tuple[np.ndarray, np.ndarray]
Read = Callable[[Path], Arrays]
NAMES = ("x", "y", "z", "red", "green", "blue", "alpha")


def main() -> None:
    """Time every reader on every encoding and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vertices", type=int, default=150_000)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    readers = {"hcfres": ours} | others() | {"plain": plain}
    with tempfile.TemporaryDirectory() as folder:
        for encoding in ("binary_little_endian", "binary_big_endian", "ascii"):
            path = Path(folder) / f"{encoding}.ply"
            path.write_bytes(mesh(encoding, chosen.vertices))
            compare(path, readers, chosen.repeats)


def compare(path: Path, readers: dict[str, Read], repeats: int) -> None:
    """Print a table for one file; ends the program where two readers disagree."""
    size = path.stat().st_size / 1e6
    sys.stdout.write(
        f"\n{path.stem}, {size:.1f} MB\n{'reader':<10}{'ms':>9}{'ratio':>8}{'MiB':>8}\n"
    )
    wanted = ours(path)
    base = 0.0
    for name, read in readers.items():
        times = 1 if read is plain else repeats
        least, grown, same = measured(read, path, times, wanted)
        base = base or least
        sys.stdout.write(f"{name:<10}{least * 1e3:>9.1f}{least / base:>8.1f}{grown:>8.1f}\n")
        if not same:
            raise SystemExit(f"{name} and hcfres read {path.name} differently")


def measured(read: Read, path: Path, times: int, wanted: Arrays) -> tuple[float, float, bool]:
    """Least processor seconds, most MiB of growth, whether the arrays are `wanted`; in a child."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            told = pipe.read()
        os.waitpid(child, 0)
        return tuple(json.loads(told))
    Path("/proc/self/clear_refs").write_text("5")
    before, spent = resident_mib(), []
    for _ in range(times):
        start = time.process_time()
        found = read(path)
        spent.append(time.process_time() - start)
        if len(spent) == 1:
            grown = resident_mib() - before
    same = all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
    os.write(writer, json.dumps((min(spent), grown, same)).encode())
    os._exit(0)


def resident_mib() -> float:
    """The most resident memory so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def ours(path: Path) -> Arrays:
    """This project's reader."""
    found = read_ply(path)
    return found.vertices, found.faces


def others() -> dict[str, Read]:
    """The well-known readers that are installed."""
    known: dict[str, Read] = {"plyfile": by_plyfile, "trimesh": by_trimesh}
    missing = [name for name in known if importlib.util.find_spec(name) is None]
    if missing:
        sys.stdout.write(f"not installed: {', '.join(missing)}\n")
    return {name: read for name, read in known.items() if name not in missing}


def by_plyfile(path: Path) -> Arrays:
    """The reader of plyfile, told that faces are triangles."""
    from plyfile import PlyData  # noqa: PLC0415

    found = PlyData.read(path, known_list_len={"face": {"vertex_indices": 3}})
    vertices = np.stack([found["vertex"][name] for name in "xyz"], axis=1)
    return vertices, np.stack(found["face"]["vertex_indices"])


def by_trimesh(path: Path) -> Arrays:
    """The reader of trimesh, told to leave the mesh as it is."""
    import trimesh  # noqa: PLC0415

    found = trimesh.load(path, process=False)
    return np.asarray(found.vertices, dtype=np.float32), np.asarray(found.faces)


def plain(path: Path) -> Arrays:
    """Row by row: `struct`, or `float` of each word."""
    content = path.read_bytes()
    head, _, body = content.partition(b"end_header\n")
    words = head.split()
    vertices, faces = (int(words[words.index(name) + 1]) for name in (b"vertex", b"face"))
    if b"ascii" in head:
        lines = body.split(b"\n")
        points = [[float(word) for word in line.split()[:3]] for line in lines[:vertices]]
        rows = lines[vertices : vertices + faces]
        return np.array(points, np.float32), np.array(
            [[int(w) for w in r.split()[1:]] for r in rows]
        )
    order = "<" if b"little" in head else ">"
    vertex, face = struct.Struct(f"{order}3f4B"), struct.Struct(f"{order}B3i")
    points = [vertex.unpack_from(body, n * vertex.size)[:3] for n in range(vertices)]
    start = vertices * vertex.size
    corners = [face.unpack_from(body, start + n * face.size)[1:] for n in range(faces)]
    return np.array(points, np.float32), np.array(corners)


def mesh(encoding: str, vertices: int) -> bytes:
    """A file as ScanNet's, with about twice as many faces as vertices."""
    rng = np.random.default_rng(0)
    order = ">" if "big" in encoding else "<"
    points = np.zeros(vertices, [(n, f"{order}f4" if n in "xyz" else "u1") for n in NAMES])
    for name in NAMES:
        points[name] = (
            rng.normal(0, 3, vertices) if name in "xyz" else rng.integers(0, 256, vertices)
        )
    faces = np.zeros(2 * vertices, [("n", "u1"), ("v", f"{order}i4", 3)])
    faces["n"], faces["v"] = 3, rng.integers(0, vertices, (2 * vertices, 3))
    lines = ["ply", f"format {encoding} 1.0", f"element vertex {vertices}"]
    lines += [f"property {'float' if name in 'xyz' else 'uchar'} {name}" for name in NAMES]
    lines += [f"element face {2 * vertices}", "property list uchar int vertex_indices"]
    head = "\n".join([*lines, "end_header", ""]).encode()
    if encoding != "ascii":
        return head + points.tobytes() + faces.tobytes()
    rows = [" ".join(map(str, row)) for row in points.tolist()]
    rows += [f"3 {a} {b} {c}" for a, b, c in faces["v"].tolist()]
    return head + "\n".join([*rows, ""]).encode()


if __name__ == "__main__":
    main()
