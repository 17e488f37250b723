"""PLY: what ScanNet and others write is read, what is broken is refused with one clear error."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.data.errors import DataError
from hcfres.data.ply import FARTHEST, Mesh, read_ply, write_ply

TRIANGLE = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0.5]], dtype=np.float32)
COLOURS = np.array([[255, 0, 1], [2, 3, 4], [5, 6, 7]], dtype=np.uint8)

HEADER = b"""ply
format binary_little_endian 1.0
comment VCGLIB generated
element vertex 3
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
property uchar alpha
element face 1
property list uchar int vertex_indices
end_header
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mesh.ply"


@pytest.fixture
def mesh():
    return Mesh(TRIANGLE, COLOURS, np.array([[0, 1, 2]]))


def test_the_header_is_scannets_byte_for_byte_and_records_are_packed(path, mesh):
    write_ply(path, mesh)
    content = path.read_bytes()
    assert content.startswith(HEADER)
    assert len(content) == len(HEADER) + 3 * 16 + 13
    assert content[len(HEADER) + 12 : len(HEADER) + 16] == bytes([255, 0, 1, 255])
    assert content[-13:] == bytes([3]) + np.array([0, 1, 2], "<i4").tobytes()


def test_the_labelled_mesh_has_scannets_header_with_a_label_after_alpha(path, mesh):
    write_ply(path, Mesh(mesh.vertices, mesh.colours, mesh.faces, labels=np.array([0, 40, 5])))
    expected = HEADER.replace(b"VCGLIB", b"MLIB").replace(
        b"property uchar alpha\n", b"property uchar alpha\nproperty ushort label\n"
    )
    assert path.read_bytes().startswith(expected)
    assert len(path.read_bytes()) == len(expected) + 3 * 18 + 13
    assert read_ply(path).labels.tolist() == [0, 40, 5]


def test_a_label_that_does_not_fit_is_not_written(path, mesh):
    with pytest.raises(ValueError, match=r"a label is 0\.\.65535"):
        write_ply(path, Mesh(mesh.vertices, mesh.colours, mesh.faces, labels=np.array([0, -1, 5])))
    assert not path.exists()


@settings(max_examples=40, deadline=None)
@given(
    vertices=st.integers(1, 40),
    faces=st.integers(0, 40),
    labelled=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_written_is_read(tmp_path_factory, vertices, faces, labelled, seed):
    rng = np.random.default_rng(seed)
    mesh = Mesh(
        rng.standard_normal((vertices, 3)).astype(np.float32),
        rng.integers(0, 256, (vertices, 3), dtype=np.uint8),
        rng.integers(0, vertices, (faces, 3)),
        labels=rng.integers(0, 41, vertices) if labelled else None,
    )
    path = tmp_path_factory.mktemp("ply") / "mesh.ply"
    write_ply(path, mesh)
    found = read_ply(path)
    assert found.vertices.dtype == np.float32
    assert np.array_equal(found.vertices, mesh.vertices)
    assert np.array_equal(found.colours, mesh.colours)
    assert np.array_equal(found.faces, mesh.faces)
    assert (found.labels is None) == (not labelled)
    assert not labelled or np.array_equal(found.labels, mesh.labels)


VARIANTS = {
    "vertex": "property {f} x\nproperty {f} y\nproperty {f} z\n",
    "with a normal before": "property {f} nx\nproperty {f} ny\nproperty {f} nz\n"
    "property {f} x\nproperty {f} y\nproperty {f} z\n",
    "in another order": "property uchar red\nproperty {f} z\nproperty short quality\n"
    "property uchar blue\nproperty {f} x\nproperty uint8 green\nproperty {f} y\n",
}
NAMES = {
    "uchar": "u1",
    "uint8": "u1",
    "short": "i2",
    "float32": "f4",
    "double": "f8",
    "float": "f4",
}


@pytest.mark.parametrize("faces", ["vertex_index", "vertex_indices", None])
@pytest.mark.parametrize("kind", ["float32", "double"])
@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("columns", VARIANTS.values(), ids=VARIANTS)
def test_columns_are_found_in_any_order_type_and_encoding(path, columns, encoding, kind, faces):
    columns = columns.format(f=kind)
    order = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}[encoding]
    words = [line.split()[1:] for line in columns.splitlines()]
    table = np.zeros(3, [(name, order + NAMES[t]) for t, name in words])
    for axis, name in enumerate("xyz"):
        table[name] = TRIANGLE[:, axis]
    if "red" in columns:
        table["red"], table["green"], table["blue"] = COLOURS.T
    header = f"ply\nformat {encoding} 1.0\nobj_info some tool\nelement vertex 3\n{columns}"
    if faces:
        header += f"element face 1\nproperty list uchar uint {faces}\nproperty int flags\n"
    face = np.array([(3, (2, 1, 0), 9)], [("n", "u1"), ("i", order + "u4", 3), ("f", order + "i4")])
    if encoding == "ascii":
        rows = "\n".join(" ".join(str(value) for value in row) for row in table.tolist())
        body = (rows + ("\n3 2 1 0 9\n" if faces else "\n")).encode()
    else:
        body = table.tobytes() + (face.tobytes() if faces else b"")
    path.write_bytes(header.encode() + b"end_header\n" + body)
    found = read_ply(path)
    assert found.vertices.dtype == (np.float32 if kind == "float32" else np.float64)
    assert found.vertices.dtype.isnative
    assert np.array_equal(found.vertices, TRIANGLE)
    assert found.faces.tolist() == ([[2, 1, 0]] if faces else [])
    assert (found.colours is None) == ("red" not in columns)
    assert found.colours is None or np.array_equal(found.colours, COLOURS)
    assert (found.normals is None) == ("nx" not in columns)


def test_carriage_returns_in_the_header_are_accepted(path, mesh):
    write_ply(path, mesh)
    content = path.read_bytes()
    path.write_bytes(HEADER.replace(b"\n", b"\r\n") + content[len(HEADER) :])
    assert np.array_equal(read_ply(path).vertices, TRIANGLE)


@pytest.mark.parametrize("kind", ["ushort", "int", "float", "double"])
def test_colours_of_any_type_are_whole_numbers_or_fractions(path, kind):
    values = "51 0 255" if kind in ("ushort", "int") else "0.2 0 1"
    told = ASCII.replace(b"property uchar", f"property {kind}".encode())
    told = told.replace(b"0 0 0 1 2 3", f"0 0 0 {values}".encode())
    if kind in ("float", "double"):
        told = told.replace(b"4 5 6", b"0 0 0").replace(b"7 8 9", b"0 0 0")
    path.write_bytes(told)
    assert read_ply(path).colours[0].tolist() == [51, 0, 255]


def test_lists_of_one_length_beside_the_corners_are_skipped(path):
    """Textured meshes carry six texture coordinates at each triangle."""
    told = ASCII.replace(b"end_header", b"property list uchar float texcoord\nend_header").replace(
        b"face 1", b"face 2"
    )
    path.write_bytes(told.replace(b"3 0 1 2\n", b"3 0 1 2 2 .5 1\n3 2 1 0 2 0 0\n"))
    assert read_ply(path).faces.tolist() == [[0, 1, 2], [2, 1, 0]]
    path.write_bytes(told.replace(b"3 0 1 2\n", b"3 0 1 2 2 .5 1\n3 2 1 0 1 0 0\n"))
    with pytest.raises(DataError, match="face 1: `texcoord` has 1 numbers, 2 in the first row"):
        read_ply(path)


def test_elements_after_those_needed_are_left_alone(path, mesh):
    write_ply(path, mesh)
    more = b"element edge 2\nproperty list uchar int vertices\nend_header\n"
    content = path.read_bytes().replace(b"end_header\n", more)
    path.write_bytes(content + b"anything")
    assert read_ply(path).faces.tolist() == [[0, 1, 2]]


REFUSED = {
    "no ply": (lambda c: b"PK" + c, "line 1: this is not a PLY file"),
    "empty": (lambda c: b"", "line 1: this is not a PLY file"),
    "no end": (lambda c: c[:60], "no `end_header` within the first 60 bytes"),
    "truncated vertices": (
        lambda c: c[:-40],
        "element vertex: the header announces 3, the file ends after 1",
    ),
    "truncated faces": (
        lambda c: c[:-1],
        "element face: the header announces 1, the file ends after 0",
    ),
    "bytes to spare": (
        lambda c: c + b"xy",
        "after the last record: 2 bytes more than the header announces",
    ),
    "an endless count": (
        lambda c: c.replace(b"vertex 3", b"vertex 999999999999999999"),
        "element vertex: the header announces 999999999999999999, the file ends after 3",
    ),
    "a negative count": (lambda c: c.replace(b"vertex 3", b"vertex -3"), "header line 4"),
    "an unknown type": (
        lambda c: c.replace(b"float y", b"half y"),
        "header line 6: a property has a known type and a name; found: property half y",
    ),
    "a column twice": (
        lambda c: c.replace(b"float y", b"float x"),
        "line 6: element vertex has two",
    ),
    "an unknown encoding": (lambda c: c.replace(b"little", b"middle"), "`format` comes once"),
    "no vertices": (
        lambda c: HEADER.replace(b"vertex 3", b"vertex 0").replace(b"face 1", b"face 0"),
        "there are no vertices",
    ),
    "no z": (lambda c: c.replace(b"float z", b"float w"), "not x, y, z"),
    "a signed colour": (
        lambda c: c.replace(b"uchar red", b"char red"),
        "vertex 0: the colour [-1, 0, 1]. Export colours as uchar, 0..255",
    ),
    "a quad": (
        lambda c: c[:-13] + b"\4" + np.arange(4, dtype="<i4").tobytes(),
        "face 0: 4 corners; only triangles are read. Triangulate the mesh",
    ),
    "a corner out of range": (
        lambda c: c[:-4] + np.array([3], "<i4").tobytes(),
        "face 0: corners [0, 1, 3] of a mesh with 3 vertices",
    ),
    "a negative corner": (lambda c: c[:-4] + b"\xff" * 4, "corners [0, 1, -1]"),
    "nan": (
        lambda c: c[: len(HEADER) + 16] + b"\xff" * 4 + c[len(HEADER) + 20 :],
        "vertex 1: coordinates [nan, 0.0, 0.0] are not finite or beyond 1e+06, 1 vertices in all",
    ),
    "a vertex list": (
        lambda c: c.replace(b"uchar alpha", b"list uchar int alpha"),
        "element vertex: the header announces 3, the file ends after 0",
    ),
    "a word that PLY has not": (
        lambda c: c.replace(b"property float y", b"proqerty float y"),
        "header line 6: no line of a PLY header begins so; found: proqerty float y",
    ),
    "a property of nothing": (
        lambda c: c.replace(b"element vertex 3\n", b""),
        "header line 4: a property belongs to an element; found: property float x",
    ),
    "an element of nothing": (
        lambda c: c.replace(b"element face", b"element edge 1\nelement face"),
        "header: element edge has no properties",
    ),
    "two encodings": (
        lambda c: c.replace(b"comment VCGLIB", b"format ascii 1.0\ncomment"),
        "header line 3: `format` comes once",
    ),
    "a longer first word": (lambda c: b"ply2" + c[3:], "line 1: this is not a PLY file"),
    "faces without corners": (
        lambda c: c.replace(b"list uchar int vertex_indices", b"int #corners")[:-9],
        "faces have #corners, no vertex_indices",
    ),
    "an endless name": (
        lambda c: c.replace(b"VCGLIB generated", b"x\nelement " + b"n" * 9000 + b"\x1b[2J 0"),
        "has no properties",
    ),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_a_broken_file_is_one_error_that_names_the_file_and_the_place(path, mesh, change, message):
    write_ply(path, mesh)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError) as error:
        read_ply(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
    assert len(str(error.value)) < 1000
    assert str(error.value).isprintable()


ASCII = b"""ply
format ascii 1.0
element vertex 3
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
element face 1
property list uchar int vertex_indices
end_header
0 0 0 1 2 3
1 0 0 4 5 6
0 1 0 7 8 9
3 0 1 2
"""
ASCII_REFUSED = {
    "a word": (b"4 5 6", b"4 x 6", "line 14: 'x' is no number"),
    "two numbers in one": (b"4 5 6", b"4 5.1.0 6", "line 14: '5.1.0' is no number"),
    "a zero byte": (b"3 0 1 2", b"3 0 1 2\0", "line 16: '2\\x00' is no number"),
    "a colour too large": (b"4 5 6", b"4 256 6", "`green` holds numbers that are not of its type"),
    "half a colour": (b"4 5 6", b"4 0.5 6", "`green` holds numbers that are not of its type"),
    "a missing number": (b"3 0 1 2", b"3 0 1", "element face: the header announces 1"),
    "a number to spare": (b"3 0 1 2", b"3 0 1 2 2", "1 numbers more than the header announces"),
    "a quad": (b"3 0 1 2", b"4 0 1 2 2", "face 0: 4 corners"),
    "beyond float32": (b"1 0 0", b"1e99 0 0", "vertex 1: coordinates [inf"),
    "an endless number": (b"1 0 0", b"1" * 65 + b" 0 0", "are not finite or beyond 1e+06"),
}


@pytest.mark.parametrize(("old", "new", "message"), ASCII_REFUSED.values(), ids=ASCII_REFUSED)
def test_a_broken_ascii_file_is_refused(path, old, new, message):
    path.write_bytes(ASCII.replace(b"\n" + old, b"\n" + new).replace(b" " + old, b" " + new))
    with pytest.raises(DataError) as error:
        read_ply(path)
    assert message in str(error.value)


@pytest.mark.parametrize("source", ["binary", "ascii"])
def test_no_damage_of_a_few_bytes_escapes_as_another_error(path, mesh, source):
    """300 mutated files: each is read as a well-formed mesh or refused with DataError."""
    write_ply(path, mesh)
    whole = path.read_bytes() if source == "binary" else ASCII
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), rng.integers(1, 5)):
            content[place] = rng.integers(0, 256)
        path.write_bytes(bytes(content[: rng.integers(1, len(content) + 1)]))
        try:
            found = read_ply(path)
        except DataError:
            refused += 1
            continue
        assert np.abs(found.vertices).max() <= FARTHEST
        assert not len(found.faces) or 0 <= found.faces.min() <= found.faces.max() < 3
    assert refused > 200


@pytest.mark.parametrize(
    "word", [b"1" * 1_000_000, b"1" * 1_000_000 + b"x"], ids=["number", "none"]
)
def test_a_number_of_a_million_digits_takes_no_time(path, word):
    path.write_bytes(ASCII.replace(b"1 0 0 4", word + b" 0 0 4"))
    start = time.process_time()
    with pytest.raises(DataError) as error:
        read_ply(path)
    assert time.process_time() - start < 2
    assert len(str(error.value)) < 1000


def test_a_missing_file_says_so_and_what_to_do(path):
    with pytest.raises(DataError) as error:
        read_ply(path, "`hcfres acquire rooms` makes it")
    assert str(error.value) == (f"{path}: there is no such file. `hcfres acquire rooms` makes it")


def test_open3ds_clouds_with_double_coordinates_are_read(samples):
    folder = samples / "open3d_livingroom1" / "fragments"
    cloud = read_ply(folder / "slac_fragment_000.ply")
    assert cloud.vertices.shape == (5028, 3)
    assert cloud.vertices.dtype == np.float64
    assert np.allclose(np.linalg.norm(cloud.normals, axis=1), 1, atol=1e-3)
    assert len(cloud.faces) == 0
    assert read_ply(folder / "fragment_002.ply").colours.shape == (112698, 3)


def test_a_scanned_mesh_with_normals_is_read(samples):
    mesh = read_ply(samples / "open3d_meshes" / "frag_115.ply")
    assert mesh.vertices.shape == (64365, 3)
    assert mesh.faces.shape == (127229, 3)
    assert mesh.faces.max() == 64364
