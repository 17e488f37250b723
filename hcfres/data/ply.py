"""Meshes and clouds as PLY files: read whatever is well-formed, write what ScanNet writes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from hcfres.data.errors import DataError
from hcfres.data.files import read_bytes, write_bytes
from hcfres.data.ply_header import AGAIN, ENCODINGS, Element, Header, parse_header

_FACE_LISTS = ("vertex_indices", "vertex_index")
_LONGEST_NUMBER = 64
FARTHEST = 1e6
"""No coordinate lies farther from the origin, whether in metres or in millimetres."""


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

    Raises:
        DataError: missing, truncated, or with bytes to spare; polygons other than triangles;
            indices out of range; coordinates that are not finite; no vertices.
    """
    content = read_bytes(path, way_out)
    header = parse_header(path, content)
    tables = _tables(path, header, content)
    if "vertex" not in tables or not len(tables["vertex"]):
        raise DataError(path, "there are no vertices", way_out, "header")
    table = tables["vertex"]
    vertices = _columns(table, ("x", "y", "z"))
    if vertices is None:
        raise DataError(path, f"vertices have {table.dtype.names}, not x, y, z", way_out, "header")
    _require_finite(path, vertices)
    faces = _faces(path, tables.get("face"), len(vertices))
    normals = _columns(table, ("nx", "ny", "nz"))
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


def _tables(path: Path, header: Header, content: bytes) -> dict[str, np.ndarray]:
    """The elements `vertex` and `face` as structured arrays; what comes after them is ignored."""
    wanted = {"vertex", "face"} & {element.name for element in header.elements}
    kind = _Ascii if header.encoding == "ascii" else _Binary
    source: _Ascii | _Binary = kind(path, header, content)
    tables: dict[str, np.ndarray] = {}
    for element in header.elements:
        tables[element.name] = source.take(element, _record(path, element, header.encoding))
        wanted.discard(element.name)
        if not wanted:
            break
    if len(tables) == len(header.elements) and (spare := source.spare()):
        reason = f"{spare} more than the header announces"
        raise DataError(path, reason, AGAIN, "after the last record")
    return tables


def _record(path: Path, element: Element, encoding: str) -> np.dtype:
    """One row of an element; the list of corners is a field of three after its length, `#`."""
    order = ENCODINGS[encoding]
    fields: list[tuple[str, str] | tuple[str, str, int]] = []
    for column in element.properties:
        if column.count_kind is None:
            fields.append((column.name, order + column.kind))
            continue
        if element.name != "face" or column.name not in _FACE_LISTS:
            reason = f"lists such as `{column.name}` of element {element.name} are not read"
            way_out = "Export positions, colours and triangles only"
            raise DataError(path, reason, way_out, "header")
        fields += [("#", order + column.count_kind), ("#corners", order + column.kind, 3)]
    try:
        return np.dtype(fields)
    except ValueError as error:
        raise DataError(path, f"element {element.name}: {error}", AGAIN, "header") from None


class _Binary:
    """Rows out of packed bytes."""

    def __init__(self, path: Path, header: Header, content: bytes) -> None:
        self.path, self.content, self.at = path, content, header.size

    def take(self, element: Element, record: np.dtype) -> np.ndarray:
        left = len(self.content) - self.at
        fitting = min(element.count, left // record.itemsize)
        table = np.frombuffer(self.content, record, fitting, self.at)
        _require_triangles(self.path, table)
        if fitting < element.count:
            _raise_truncated(self.path, element, fitting)
        self.at += fitting * record.itemsize
        return table

    def spare(self) -> str:
        left = len(self.content) - self.at
        return f"{left} bytes" if left else ""


class _Ascii:
    """Rows out of words; where a line ends makes no difference."""

    def __init__(self, path: Path, header: Header, content: bytes) -> None:
        self.path, self.at = path, 0
        self.words = content[header.size :].split()
        if any(len(word) > _LONGEST_NUMBER for word in self.words):
            raise DataError(path, f"a number of over {_LONGEST_NUMBER} characters", AGAIN)

    def take(self, element: Element, record: np.dtype) -> np.ndarray:
        width = sum(int(np.prod(record[name].shape, dtype=int)) for name in record.names or ())
        fitting = min(element.count, (len(self.words) - self.at) // width)
        words = self.words[self.at : self.at + fitting * width]
        try:
            numbers = np.array(words or [], dtype="S").astype(np.float64).reshape(fitting, width)
        except ValueError as error:
            raise DataError(self.path, str(error), AGAIN, f"element {element.name}") from None
        table = self._fill(element, numbers, record)
        if fitting < element.count:
            _raise_truncated(self.path, element, fitting)
        self.at += fitting * width
        return table

    def _fill(self, element: Element, numbers: np.ndarray, record: np.dtype) -> np.ndarray:
        if "#" in (record.names or ()):
            _require_triangles(self.path, _lengths(numbers, record))
        table, column = np.zeros(len(numbers), record), 0
        for name in record.names or ():
            kind, shape = record[name].base, record[name].shape
            values = numbers[:, column : column + (shape[0] if shape else 1)]
            if kind.kind in "iu" and not _fits(values, kind):
                reason = f"`{name}` holds numbers that are not of its type"
                raise DataError(self.path, reason, AGAIN, f"element {element.name}")
            with np.errstate(over="ignore"):
                table[name] = values if shape else values[:, 0]
            column += values.shape[1]
        return table

    def spare(self) -> str:
        left = len(self.words) - self.at
        return f"{left} numbers" if left else ""


def _lengths(numbers: np.ndarray, record: np.dtype) -> np.ndarray:
    before = (record.names or ()).index("#")
    table = np.zeros(len(numbers), [("#", "f8")])
    table["#"] = numbers[:, before]
    return table


def _fits(values: np.ndarray, kind: np.dtype) -> bool:
    limits = np.iinfo(kind)
    inside = (values >= limits.min) & (values <= limits.max)
    return bool(np.all(inside & (values == np.floor(values))))


def _require_triangles(path: Path, table: np.ndarray) -> None:
    if "#" in (table.dtype.names or ()) and len(wrong := np.flatnonzero(table["#"] != 3)):
        reason = f"{table['#'][wrong[0]]:g} corners; only triangles are read"
        raise DataError(
            path, reason, "Triangulate the mesh and export it again", f"face {wrong[0]}"
        )


def _raise_truncated(path: Path, element: Element, found: int) -> None:
    reason = f"the header announces {element.count}, the file ends after {found}"
    raise DataError(path, reason, AGAIN, f"element {element.name}")


def _require_finite(path: Path, vertices: np.ndarray) -> None:
    wrong = np.flatnonzero(~(np.abs(vertices) <= FARTHEST).all(axis=1))
    if len(wrong):
        what = f"coordinates {vertices[wrong[0]].tolist()} are not finite or beyond {FARTHEST:g}"
        reason = f"{what}, {len(wrong)} vertices in all"
        raise DataError(path, reason, "Remove these vertices", f"vertex {wrong[0]}")


def _columns(table: np.ndarray, names: tuple[str, ...]) -> np.ndarray | None:
    """Columns side by side in native byte order: float32 if all are, else float64."""
    if not set(names) <= set(table.dtype.names or ()):
        return None
    kinds = {table.dtype[name].str[1:] for name in names}
    columns = np.stack([table[name] for name in names], axis=1)
    return columns.astype(np.float32 if kinds == {"f4"} else np.float64)


def _colours(path: Path, table: np.ndarray) -> np.ndarray | None:
    names = ("red", "green", "blue")
    if not set(names) <= set(table.dtype.names or ()):
        return None
    if any(table.dtype[name] != np.uint8 for name in names):
        kinds = [str(table.dtype[name]) for name in names]
        raise DataError(path, f"colours of type {kinds}", "Export them as uchar, 0..255", "header")
    return np.stack([table[name] for name in names], axis=1)


def _labels(path: Path, table: np.ndarray) -> np.ndarray | None:
    if "label" not in (table.dtype.names or ()):
        return None
    if table.dtype["label"].kind not in "iu":
        raise DataError(path, "`label` is not a whole number", AGAIN, "header")
    return table["label"].astype(np.int64)


def _faces(path: Path, table: np.ndarray | None, vertices: int) -> np.ndarray:
    if table is None or not len(table):
        return np.zeros((0, 3), np.int64)
    if "#corners" not in (table.dtype.names or ()):
        raise DataError(path, f"faces have {table.dtype.names}, no vertex_indices", AGAIN, "header")
    if table["#corners"].dtype.kind not in "iu":
        raise DataError(path, "vertex indices are not whole numbers", AGAIN, "header")
    faces = table["#corners"].astype(np.int64)
    wrong = np.flatnonzero(((faces < 0) | (faces >= vertices)).any(axis=1))
    if len(wrong):
        reason = f"corners {faces[wrong[0]].tolist()} of a mesh with {vertices} vertices"
        raise DataError(path, reason, AGAIN, f"face {wrong[0]}")
    return faces
