"""What is written is read: every file that this project writes or reads, over random contents."""

import json
import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hcfres.data.aggregation import ObjectGroup, instances_of, read_aggregation, write_aggregation
from hcfres.data.annotations.annotations import write_multi3drefer, write_scanrefer
from hcfres.data.annotations.json_files import read_multi3drefer, read_scanrefer
from hcfres.data.expression import Entity, Expression
from hcfres.data.labels import LabelRow, LabelTable, read_labels, write_labels
from hcfres.data.ply import read_ply
from hcfres.data.poses import read_matrix, write_matrix
from hcfres.data.scan_info import read_scan_info, write_scan_info
from hcfres.data.segmentation import read_segments, write_segments
from hcfres.data.trajectory import read_trajectory, write_trajectory
from tests.fuzz.plain_ply import CODES, Column, Table, write_plain
from tests.fuzz.scannet_formats import label_table

quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
words = st.text(string.ascii_lowercase + " _é", min_size=1, max_size=20).map(str.strip)
names = words.filter(bool)
ids = st.integers(0, 2**31 - 1)

WHOLE = [kind for kind, code in CODES.items() if code in "bBhHiI"]
FRACTIONS = ["float", "float32", "double", "float64"]
RANGES = {"b": (-128, 127), "B": (0, 255), "h": (-(2**15), 2**15 - 1), "H": (0, 2**16 - 1),
          "i": (-(2**31), 2**31 - 1), "I": (0, 2**32 - 1)}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@st.composite
def meshes(draw):
    """A mesh's tables, and what a reader is to make of them."""
    count, rng = draw(st.integers(1, 12)), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = dict.fromkeys("xyz", draw(st.sampled_from([*FRACTIONS, "int", "short"])))
    if draw(st.booleans()):
        kinds |= dict.fromkeys(("red", "green", "blue"), draw(st.sampled_from(WHOLE)))
    if draw(st.booleans()):
        kinds |= {"alpha": "uchar"}
    if draw(st.booleans()):
        kinds |= dict.fromkeys(("nx", "ny", "nz"), draw(st.sampled_from(FRACTIONS)))
    if draw(st.booleans()):
        kinds |= {"label": draw(st.sampled_from([*WHOLE, "float"]))}
    kinds |= {
        f"extra{n}": draw(st.sampled_from(list(CODES))) for n in range(draw(st.integers(0, 2)))
    }
    order = draw(st.permutations(list(kinds)))
    columns = {name: _values(name, kinds[name], count, rng) for name in order}
    rows = [[columns[name][n] for name in order] for n in range(count)]
    vertex = Table("vertex", tuple(Column(name, kinds[name]) for name in order), rows)
    return [vertex, *draw(faces(count, rng))], columns, kinds


def _values(name: str, kind: str, count: int, rng: np.random.Generator) -> list:
    code = CODES[kind]
    if code in "fd":
        low, high = (0, 40) if name == "label" else (-1000, 1000)
        numbers = rng.integers(low, high + 1, count) / (1 if name == "label" else 8)
        return numbers.tolist()
    low, high = RANGES[code]
    if name in ("red", "green", "blue"):
        low, high = 0, min(high, 255)
    if name in "xyz":
        low, high = max(low, -(10**6)), min(high, 10**6)
    return rng.integers(low, high + 1, count).tolist()


@st.composite
def faces(draw, count: int, rng: np.random.Generator):
    """The element of the faces, perhaps with another list, or none."""
    if draw(st.booleans()):
        return []
    index = draw(st.sampled_from([kind for kind in WHOLE if CODES[kind] not in "bB"]))
    many, texture = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    columns = [Column(draw(st.sampled_from(["vertex_index", "vertex_indices"])), index,
                      draw(st.sampled_from(WHOLE)))]  # fmt: skip
    rows = [[corners] for corners in rng.integers(0, count, (many, 3)).tolist()]
    if draw(st.booleans()):
        columns.append(Column("texcoord", "float", "uchar"))
        rows = [[*row, (rng.integers(0, 9, texture) / 8).tolist()] for row in rows]
    if draw(st.booleans()):
        columns.insert(0, Column("flags", "uchar"))
        rows = [[7, *row] for row in rows]
    return [Table("face", tuple(columns), rows)]


@quick
@given(meshes(), st.sampled_from(["ascii", "binary_little_endian", "binary_big_endian"]),
       st.sampled_from(["\n", "\r\n", "\r"]))  # fmt: skip
def test_a_mesh_is_read_whatever_its_types_order_and_encoding(path, made, encoding, line_end):
    tables, columns, kinds = made
    path.write_bytes(write_plain(encoding, tables, line_end))
    found = read_ply(path)
    assert np.array_equal(found.vertices, np.stack([columns[axis] for axis in "xyz"], axis=1))
    single = CODES[kinds["x"]] == "f"
    assert found.vertices.dtype == (np.float32 if single else np.float64)
    for names, value in (
        (("red", "green", "blue"), found.colours),
        (("nx", "ny", "nz"), found.normals),
    ):
        told = np.stack([columns[n] for n in names], axis=1) if names[0] in columns else None
        assert (value is None) == (told is None)
        assert told is None or np.array_equal(value, told)
    assert (found.labels is None) == ("label" not in columns)
    assert found.labels is None or found.labels.tolist() == columns["label"]
    corners = [row for table in tables[1:] for row in _corners(table)]
    assert found.faces.tolist() == corners


def _corners(table: Table) -> list:
    (name,) = [c.name for c in table.columns if c.name.startswith("vertex_ind")]
    return table.column(name)


@quick
@given(st.lists(ids, max_size=50))
def test_segments_are_read_as_written(path, segments):
    write_segments(path, "scene0000_00", np.array(segments, dtype=np.int64))
    assert read_segments(path, len(segments)).tolist() == segments


@quick
@given(st.dictionaries(ids, st.tuples(words, st.lists(st.integers(0, 30), max_size=6)), max_size=8))
def test_objects_are_read_as_written_and_own_what_they_claim_last(path, groups):
    told = tuple(ObjectGroup(i, label, tuple(held)) for i, (label, held) in groups.items())
    write_aggregation(path, "scene0000_00", told)
    found = read_aggregation(path)
    halves = len(told) // 2
    twice = len(told) % 2 == 0 and all(
        (a.label, a.segments) == (b.label, b.segments)
        for a, b in zip(told[:halves], told[halves:], strict=True)
    )
    assert found == (told[:halves] if twice and told else told)
    owner = {segment: group.object_id for group in found for segment in group.segments}
    segments = np.arange(25)
    expected = [owner.get(segment, -1) for segment in segments.tolist()]
    assert instances_of(found, segments, path).tolist() == expected


keys = st.text(string.ascii_letters + "_", min_size=1, max_size=12)


@quick
@given(st.dictionaries(keys.filter(lambda k: k not in ("axisAlignment", "colorToDepthExtrinsics")),
                       words, max_size=8))  # fmt: skip
def test_the_lines_of_a_scan_are_read_as_written(path, entries):
    write_scan_info(path, entries)
    assert dict(read_scan_info(path).entries) == entries


@quick
@given(st.lists(st.tuples(st.integers(0, 10**9 - 1), names, words, st.integers(1, 40)),
                min_size=1, max_size=8, unique_by=lambda row: row[1]))  # fmt: skip
def test_the_label_table_is_read_as_written(path, rows):
    table = LabelTable(tuple(LabelRow(*row) for row in rows))
    write_labels(path, table)
    assert read_labels(path) == table


numbers = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([np.inf, -np.inf, np.nan]))


@quick
@given(st.lists(numbers, min_size=16, max_size=16))
def test_a_matrix_is_read_to_six_decimals(path, values):
    write_matrix(path, np.array(values).reshape(4, 4))
    found = read_matrix(path).ravel()
    assert np.allclose(found, values, rtol=0, atol=5e-7, equal_nan=True)


@quick
@given(st.dictionaries(st.integers(0, 10**9), st.tuples(st.floats(-3, 3), st.floats(-1e3, 1e3)),
                       min_size=1, max_size=5))  # fmt: skip
def test_a_trajectory_is_read_as_written(path, turns):
    poses = {}
    for number, (angle, place) in turns.items():
        poses[number] = np.eye(4)
        c, s = np.cos(angle), np.sin(angle)
        poses[number][:2] = [[c, -s, 0, place], [s, c, 0, -place]]
    write_trajectory(path, poses)
    found = read_trajectory(path)
    assert list(found) == list(poses)
    assert all(np.allclose(found[n], poses[n], atol=1e-9) for n in poses)


@st.composite
def sentences(draw, targets):
    """What is said about objects of one scene: targets, name, sentence, flags, with a phrase."""
    counts = draw(st.lists(targets, max_size=6))
    flags = st.tuples(*[st.booleans()] * 4)
    return [
        (
            tuple(draw(st.lists(ids, min_size=count, max_size=count, unique=True))),
            draw(words),
            draw(names),
            draw(flags),
            draw(st.booleans()),
        )
        for count in counts
    ]


def expressions(told) -> tuple[Expression, ...]:
    """The sentences, numbered."""
    return tuple(
        Expression(
            "multi3drefer",
            "scene0000_00",
            chosen,
            number,
            name,
            said,
            ("zt_w_d", "st_wo_d", "mt")[min(len(chosen), 2)],
            *flags,
            entities=(Entity(0, 1, chosen, "target"),) if phrase else (),
        )
        for number, (chosen, name, said, flags, phrase) in enumerate(told)
    )


@quick
@given(sentences(st.integers(0, 4)))
def test_multi3drefers_sentences_are_read_as_written(path, raw):
    told = expressions(raw)
    write_multi3drefer(path, told)
    found = read_multi3drefer(path)
    assert found.expressions == told
    assert found.rejected == ()


@quick
@given(sentences(st.just(1)))
def test_scanrefers_sentences_are_read_as_written(path, raw):
    told = expressions(raw)
    write_scanrefer(path, told)
    found = read_scanrefer(path, label_table())
    assert [(e.object_ids, e.ann_id, e.description, e.entities) for e in found.expressions] == [
        (e.object_ids, e.ann_id, e.description, e.entities) for e in told
    ]


anything = st.one_of(
    ids, st.none(), st.text(max_size=5), st.floats(), st.booleans(), st.lists(ids, max_size=2)
)


@quick
@given(st.lists(anything, min_size=1, max_size=5))
def test_segments_of_anything_but_ids_are_refused_and_ids_are_read(path, values):
    path.write_text(json.dumps({"segIndices": values}))
    if all(type(value) is int for value in values):
        assert read_segments(path, len(values)).tolist() == values
    else:
        with pytest.raises(ValueError, match=r"segIndices\[\d\]|Invalid JSON"):
            read_segments(path, len(values))
