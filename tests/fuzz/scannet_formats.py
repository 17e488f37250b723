"""ScanNet's own files: meshes, segments, objects, scan texts, label table, split lists."""

import json
import tempfile
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from hcfres.data.aggregation import ObjectGroup, instances_of, read_aggregation, write_aggregation
from hcfres.data.dataset import Dataset
from hcfres.data.labels import LabelRow, LabelTable, read_labels, write_labels
from hcfres.data.ply import FARTHEST, Mesh, read_ply, write_ply
from hcfres.data.scan_info import matrix_text, read_scan_info, write_scan_info
from hcfres.data.segmentation import read_segments, write_segments
from tests.fuzz.format import Format, Seed, one_file, require
from tests.fuzz.plain_ply import Column, Table, read_plain, write_plain

VERTICES = 120


def written(write, *arguments) -> bytes:
    """What one of the package's writers writes."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "file", *arguments)
        return (Path(folder) / "file").read_bytes()


@cache
def small_mesh(labelled: bool = False, faces: int = 150) -> Mesh:
    """A mesh of 120 vertices."""
    rng = np.random.default_rng(4)
    return Mesh(
        rng.normal(0, 2, (VERTICES, 3)).astype(np.float32),
        rng.integers(0, 256, (VERTICES, 3), dtype=np.uint8),
        rng.integers(0, VERTICES, (faces, 3)),
        labels=rng.integers(0, 41, VERTICES) if labelled else None,
    )


def _binary_meshes() -> tuple[Seed, ...]:
    return one_file(
        "scan.ply",
        mesh=written(write_ply, small_mesh()),
        labels=written(write_ply, small_mesh(labelled=True)),
        cloud=written(write_ply, small_mesh(faces=0)),
        little=write_plain("binary_little_endian", tables("double", "vertex_index", "uint")),
        big=write_plain("binary_big_endian", tables("float", "vertex_indices", "int")),
        textured=write_plain("binary_little_endian", tables("float", "vertex_indices", "int", 6)),
    )


def _ascii_meshes() -> tuple[Seed, ...]:
    return one_file(
        "scan.ply",
        mesh=write_plain("ascii", tables("float", "vertex_indices", "int")),
        double=write_plain("ascii", tables("double", "vertex_index", "uint"), "\r\n"),
        textured=write_plain("ascii", tables("float", "vertex_indices", "int", 6)),
        cloud=write_plain("ascii", tables("float", "vertex_indices", "int")[:1], "\r"),
    )


def tables(kind: str, corners: str, index: str, texture: int = 0) -> list[Table]:
    """A small mesh with normals, colours and labels; `texture` numbers more at each face."""
    mesh, rng = small_mesh(labelled=True), np.random.default_rng(5)
    names = ("x", "y", "z", "nx", "ny", "nz")
    columns = [Column(name, kind) for name in names]
    columns += [Column(name, "uchar") for name in ("red", "green", "blue")]
    numbers = np.concatenate([mesh.vertices, rng.normal(0, 1, mesh.vertices.shape)], axis=1)
    whole = np.concatenate([mesh.colours, mesh.labels[:, None]], axis=1)
    rows = [[*a, *b] for a, b in zip(numbers.round(3).tolist(), whole.tolist(), strict=True)]
    vertex = Table("vertex", (*columns, Column("label", "short")), rows)
    extra = (Column("texcoord", "float", "uchar"),) if texture else ()
    faces = [[face, *([[0.5] * texture] if texture else [])] for face in mesh.faces.tolist()]
    return [vertex, Table("face", (Column(corners, index, "uchar"), *extra), faces)]


def _check_mesh(path: Path) -> None:
    mesh = read_ply(path)
    count = len(mesh.vertices)
    require(count > 0 and np.abs(mesh.vertices).max() <= FARTHEST, "vertices beyond all bounds")
    plain = read_plain(path.read_bytes())
    vertex = plain["vertex"]
    for axis, name in enumerate("xyz"):
        told = np.array(vertex.column(name), dtype=mesh.vertices.dtype)
        require(np.array_equal(mesh.vertices[:, axis], told), f"{name} differs")
    require(mesh.faces.shape[1:] == (3,), f"faces of shape {mesh.faces.shape}")
    corners = [
        list(map(int, face))
        for name in ("vertex_indices", "vertex_index")
        if "face" in plain and plain["face"].has(name)
        for face in plain["face"].column(name)
    ]
    require(mesh.faces.tolist() == corners, "faces differ")
    require(not corners or 0 <= mesh.faces.min() <= mesh.faces.max() < count, "corners")
    _check_colours(mesh, vertex)
    require((mesh.labels is not None) == vertex.has("label"), "labels appear or vanish")
    require(mesh.labels is None or mesh.labels.tolist() == vertex.column("label"), "labels differ")
    require((mesh.normals is not None) == vertex.has("nx", "ny", "nz"), "normals")
    require(mesh.normals is None or mesh.normals.shape == (count, 3), "shape of the normals")


def _check_colours(mesh: Mesh, vertex: Table) -> None:
    names = ("red", "green", "blue")
    require((mesh.colours is not None) == vertex.has(*names), "colours appear or vanish")
    kinds = {column.name: column.kind for column in vertex.columns}
    if mesh.colours is None or any(kinds[name].startswith(("f", "d")) for name in names):
        return
    for axis, name in enumerate(names):
        require(mesh.colours[:, axis].tolist() == vertex.column(name), f"{name} differs")


def edit_ply_header(content: bytes, rng: Random) -> bytes:
    """A word or a line of the header changed for another that headers have."""
    end = content.find(b"end_header")
    if b"\n" not in content[: max(end, 0)]:
        return content
    lines = content[:end].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]
    words = [
        *b"list uchar char short ushort int uint float double int8 uint64 half".split(),
        *b"x y z nx red green alpha label vertex_index vertex_indices vertex face edge".split(),
        *b"ascii binary_little_endian binary_big_endian 0 1 2 119 121 -1 4294967296 1e3".split(),
        *b"element property format comment obj_info end_header ply #".split(),
    ]
    where = rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            del lines[where]
        case 1:
            lines.insert(rng.randrange(len(lines) + 1), lines[where])
        case 2:
            other = rng.randrange(len(lines))
            lines[where], lines[other] = lines[other], lines[where]
        case _:
            line = lines[where].split() or [b""]
            line[rng.randrange(len(line))] = rng.choice(words)
            lines[where] = b" ".join(line)
    return b"\n".join([*lines, content[end:]])


def _segments() -> tuple[Seed, ...]:
    ids = np.random.default_rng(1).integers(0, 90_000, VERTICES)
    pretty = {"params": {"kThresh": 0.01}, "sceneId": "a", "segIndices": ids.tolist()}
    return one_file(
        "scene0000_00_vh_clean_2.0.010000.segs.json",
        compact=written(write_segments, "scene0000_00", ids),
        pretty=json.dumps(pretty, indent=1).encode(),
    )


def _check_segments(path: Path) -> None:
    found = read_segments(path, VERTICES)
    require(found.tolist() == json.loads(path.read_bytes())["segIndices"], "ids differ")


def _objects() -> tuple[Seed, ...]:
    groups = tuple(
        ObjectGroup(i, name, tuple(range(3 * i, 3 * i + 4)))
        for i, name in enumerate(("wall", "chair", "trash can", "shower curtain") * 3)
    )
    twice = (*groups, *(ObjectGroup(g.object_id + 12, g.label, g.segments) for g in groups))
    return one_file(
        "scene0000_00.aggregation.json",
        plain=written(write_aggregation, "scene0000_00", groups),
        twice=written(write_aggregation, "scene0000_00", twice),
    )


def _check_objects(path: Path) -> None:
    groups = read_aggregation(path)
    told = json.loads(path.read_bytes())["segGroups"]
    same = [(g.object_id, g.label, list(g.segments)) for g in groups]
    entries = [(g["objectId"], g["label"], g["segments"]) for g in told]
    require(same == entries[: len(same)] and len(same) in (len(told), len(told) // 2), "groups")
    ids = np.arange(40)
    owner = {segment: group.object_id for group in groups for segment in group.segments}
    expected = [owner.get(segment, -1) for segment in ids.tolist()]
    require(instances_of(groups, ids, path).tolist() == expected, "instances differ")


def _info() -> tuple[Seed, ...]:
    turn = np.array([[0.6, -0.8, 0, 1.5], [0.8, 0.6, 0, -2], [0, 0, 1, 0.1], [0, 0, 0, 1]])
    entries = {
        "axisAlignment": matrix_text(turn),
        "colorToDepthExtrinsics": matrix_text(np.eye(4)),
        "colorWidth": "1296",
        "fx_color": "1170.187988",
        "numColorFrames": "5578",
        "sceneType": "Bedroom / Hotel",
    }
    test = {key: value for key, value in entries.items() if key.startswith("num")}
    return one_file(
        "scene0000_00.txt",
        train=written(write_scan_info, entries),
        test=written(write_scan_info, test),
    )


def _check_info(path: Path) -> None:
    info = read_scan_info(path)
    lines = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    told = [line.split("=", 1) for line in lines if line.strip()]
    require(list(info.entries) == [(k.strip(), v.strip()) for k, v in told], "entries differ")
    matrix = info.axis_alignment
    require(np.isfinite(matrix).all(), "the alignment is not finite")
    text = info.get("axisAlignment")
    require(text is None or [float(w) for w in text.split()] == matrix.ravel().tolist(), "matrix")


def label_table() -> LabelTable:
    """A small label table."""
    names = (
        ("wall", 1),
        ("floor", 2),
        ("chair", 5),
        ("trash can", 39),
        ("books", 23),
        ("lamp", 35),
    )
    return LabelTable(tuple(LabelRow(7 * i, name, name, c) for i, (name, c) in enumerate(names, 1)))


def _labels() -> tuple[Seed, ...]:
    whole = written(write_labels, label_table())
    return one_file(
        "scannetv2-labels.combined.tsv",
        whole=whole,
        stripped=b"\n".join(line.rstrip(b"\t") for line in whole.split(b"\n")),
        carriage=whole.replace(b"\n", b"\r\n"),
    )


def _check_labels(path: Path) -> None:
    rows = read_labels(path).rows
    lines = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    names = lines[0].split("\t")
    told = [line.split("\t") + [""] * 20 for line in lines[1:] if line.strip()]
    for column, values in (
        ("id", [str(row.identifier) for row in rows]),
        ("raw_category", [row.raw_category for row in rows]),
        ("nyu40id", [str(row.nyu40) for row in rows]),
    ):
        at = names.index(column)
        numbers = [cells[at].strip().lstrip("0") or "0" for cells in told]
        text = [cells[at].strip() for cells in told]
        require(values in (numbers, text), f"column {column} differs")
    require(all(1 <= row.nyu40 <= 40 for row in rows), "a class beyond nyu40")


def _splits() -> tuple[Seed, ...]:
    names = [f"scene{n:04d}_{k:02d}" for n in (0, 11, 706) for k in range(5)]
    return one_file(
        "scannetv2_val.txt",
        lines="\n".join(names).encode() + b"\n",
        carriage="\r\n".join(names[:4]).encode(),
    )


def _check_splits(path: Path) -> None:
    found = Dataset(path.parent).scene_ids("val")
    require(list(found) == path.read_bytes().decode("utf-8-sig").split(), "names differ")
    require(len(set(found)) == len(found), "a scan twice")


FORMATS = (
    Format("ply", _binary_meshes, _check_mesh, "binary", edits=(edit_ply_header,)),
    Format("ply-ascii", _ascii_meshes, _check_mesh, "text", edits=(edit_ply_header,)),
    Format("segs", _segments, _check_segments, "json"),
    Format("aggregation", _objects, _check_objects, "json"),
    Format("scan-info", _info, _check_info, "text"),
    Format("labels", _labels, _check_labels, "text"),
    Format("splits", _splits, _check_splits, "text"),
)
