"""Meshes and clouds as PLY files: read whatever is well-formed, write what ScanNet writes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from hcfres.data.errors import DataError
from hcfres.data.files import read_bytes, write_bytes
from hcfres.data.ply_header import AGAIN, parse_header
from hcfres.data.ply_rows import FACE_LISTS, Table, read_tables

FARTHEST = 1e6
"""No coordinate lies farther from the origin, whether in metres or in millimetres."""
_COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Mesh:
    """A PLY file's content, in the file's own frame and unit."""

    vertices: Float[np.ndarray, "vertices 3"]
    """float32 or float64, as stored; finite, at most FARTHEST."""
    colours: UInt8[np.ndarray, "vertices 3"] | None
    """None where the file has none."""
    faces: Int[np.ndarray, "faces 3"]
    """Empty for a cloud."""
    normals: Float[np.ndarray, "vertices 3"] | None = None
    """As stored, not checked; None where the file has none."""
    labels: Int[np.ndarray, " vertices"] | None = None
    """The property `label` of ScanNet's `.labels.ply`."""


def read_ply(path: Path, way_out: str = AGAIN) -> Mesh:
    """Read a triangle mesh or a cloud: ascii or binary of both byte orders, columns in any order.

    Colours are uchar, or whole numbers 0..255 of another type, or fractions 0..1.

    Raises:
        DataError: missing, truncated, or with bytes to spare; polygons other than triangles;
            indices out of range; coordinates that are not finite; no vertices.
    """
    content = read_bytes(path, way_out)
    tables = read_tables(path, parse_header(path, content), content)
    table = tables.get("vertex")
    if table is None or not len(table):
        raise DataError(path, "there are no vertices", way_out, "header")
    found = _columns(path, table, ("x", "y", "z"))
    if found is None:
        raise DataError(path, f"vertices have {table.names()}, not x, y, z", way_out, "header")
    vertices = _decimals(found)
    _require_finite(path, vertices)
    faces = _faces(path, tables.get("face"), len(vertices))
    normals = _columns(path, table, ("nx", "ny", "nz"))
    normals = None if normals is None else _decimals(normals)
    return Mesh(vertices, _colours(path, table), faces, normals, _labels(path, table))


def write_ply(path: Path, mesh: Mesh) -> None:
    """Write a mesh as ScanNet does: float32 coordinates, 8-bit colours with alpha 255, triangles.

    With `labels` the layout is that of `.labels.ply`, without that of `_vh_clean_2.ply`. Missing
    colours are written as black; a cloud has no face element; normals are not written.

    Raises:
        ValueError: a label outside 0..65535.
    """
    if mesh.labels is not None and not ((mesh.labels >= 0) & (mesh.labels <= 0xFFFF)).all():
        raise ValueError(f"{path}: a label is 0..65535 in a PLY file")
    fields = [(name, "<f4") for name in "xyz"]
    fields += [(name, "u1") for name in ("red", "green", "blue", "alpha")]
    if mesh.labels is not None:
        fields.append(("label", "<u2"))
    table = np.zeros(len(mesh.vertices), fields)
    for axis, name in enumerate("xyz"):
        table[name] = mesh.vertices[:, axis]
    if mesh.colours is not None:
        for axis, name in enumerate(("red", "green", "blue")):
            table[name] = mesh.colours[:, axis]
    table["alpha"] = 255
    if mesh.labels is not None:
        table["label"] = mesh.labels
    triangles = np.zeros(len(mesh.faces), [("count", "u1"), ("indices", "<i4", 3)])
    triangles["count"], triangles["indices"] = 3, mesh.faces
    write_bytes(path, _header_text(mesh).encode() + table.tobytes() + triangles.tobytes())


def _header_text(mesh: Mesh) -> str:
    lines = ["ply", "format binary_little_endian 1.0"]
    lines.append(f"comment {'VCGLIB' if mesh.labels is None else 'MLIB'} generated")
    lines.append(f"element vertex {len(mesh.vertices)}")
    lines += [f"property float {name}" for name in "xyz"]
    lines += [f"property uchar {name}" for name in ("red", "green", "blue", "alpha")]
    if mesh.labels is not None:
        lines.append("property ushort label")
    if len(mesh.faces):
        lines.append(f"element face {len(mesh.faces)}")
        lines.append("property list uchar int vertex_indices")
    return "\n".join([*lines, "end_header", ""])


def _require_finite(path: Path, vertices: np.ndarray) -> None:
    wrong = np.flatnonzero(~(np.abs(vertices) <= FARTHEST).all(axis=1))
    if len(wrong):
        what = f"coordinates {vertices[wrong[0]].tolist()} are not finite or beyond {FARTHEST:g}"
        reason = f"{what}, {len(wrong)} vertices in all"
        raise DataError(path, reason, "Remove these vertices", f"vertex {wrong[0]}")


def _columns(path: Path, table: Table, names: tuple[str, ...]) -> np.ndarray | None:
    """Columns side by side in native byte order, their type as wide as the widest."""
    found = [column for name in names if (column := table.column(name)) is not None]
    if len(found) < len(names):
        return None
    if any(column.ndim > 1 for column in found):
        raise DataError(path, f"lists as {', '.join(names)}", AGAIN, "header")
    columns = np.stack(found, axis=1)
    return columns.astype(columns.dtype.newbyteorder("="), copy=False)


def _decimals(columns: np.ndarray) -> np.ndarray:
    return columns.astype(np.float32 if columns.dtype == np.float32 else np.float64, copy=False)


def _colours(path: Path, table: Table) -> np.ndarray | None:
    found = _columns(path, table, _COLOURS)
    if found is None or found.dtype == np.uint8:
        return found
    fractions = found.dtype.kind == "f" and not (found > 1).any()
    scaled = np.rint(found.astype(np.float64) * 255) if fractions else found
    wrong = np.flatnonzero(
        ~((scaled >= 0) & (scaled <= 255) & (scaled == np.rint(scaled))).all(axis=1)
    )
    if len(wrong):
        way_out = "Export colours as uchar, 0..255"
        reason = f"the colour {found[wrong[0]].tolist()}"
        raise DataError(path, reason, way_out, f"vertex {wrong[0]}")
    return scaled.astype(np.uint8)


def _labels(path: Path, table: Table) -> np.ndarray | None:
    found = _columns(path, table, ("label",))
    if found is None:
        return None
    labels = found[:, 0]
    wrong = np.flatnonzero(~((np.abs(labels) < 2**32) & (labels == np.rint(labels))))
    if len(wrong):
        reason = f"the label {labels[wrong[0]]:g} is not a whole number"
        raise DataError(path, reason, AGAIN, f"vertex {wrong[0]}")
    return labels.astype(np.int64)


def _faces(path: Path, table: Table | None, vertices: int) -> np.ndarray:
    if table is None or not len(table):
        return np.zeros((0, 3), np.int64)
    corners = table.column(*FACE_LISTS)
    if corners is None or corners.ndim != 2:
        raise DataError(path, f"faces have {table.names()}, no vertex_indices", AGAIN, "header")
    if corners.dtype.kind not in "iu":
        raise DataError(path, "vertex indices are not whole numbers", AGAIN, "header")
    faces = corners.astype(np.int64)
    wrong = np.flatnonzero(((faces < 0) | (faces >= vertices)).any(axis=1))
    if len(wrong):
        reason = f"corners {faces[wrong[0]].tolist()} of a mesh with {vertices} vertices"
        raise DataError(path, reason, AGAIN, f"face {wrong[0]}")
    return faces
