"""Multi3DRefer's and ScanRefer's files, ours included: read, or listed, or refused."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hcfres.data.annotations.annotations import write_multi3drefer, write_scanrefer
from hcfres.data.annotations.json_files import read_multi3drefer, read_scanrefer
from hcfres.data.errors import DataError
from hcfres.data.expression import Entity, Viewpoint
from hcfres.data.labels import BENCHMARK, NYU40, read_labels

FULL = {
    "entities": (Entity(4, 9, (0,), "target"), Entity(17, 26, (1, 2), "anchor")),
    "viewpoint": Viewpoint((0.5, 1.0, 1.5), (2.0, 1.0, 0.0)),
    "frames": (0, 10),
    "kind": "reason",
    "variant_of": "scene0000_00|0|7",
}
COUNTS = {"zt_w_d": (0, 0), "zt_wo_d": (0, 0), "st_w_d": (1, 1), "st_wo_d": (1, 1), "mt": (2, 5)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sentences.json"


def rows(path):
    return json.loads(path.read_text())


def scanrefer(object_id, name, ann_id=0, scene="scene0000_00", **changes):
    """An entry as ScanRefer's file has it."""
    entry = {"scene_id": scene, "object_id": str(object_id), "object_name": name}
    words = {"ann_id": str(ann_id), "description": f"the {name}", "token": ["the", name]}
    return entry | words | changes


def test_everything_an_expression_holds_comes_back(path, make):
    item = make.expression(**FULL)
    write_multi3drefer(path, [item])
    assert read_multi3drefer(path).expressions == (item,)
    unflagged = make.expression(**FULL, dataset="scanrefer", spatial=False)
    write_scanrefer(path, [unflagged])
    assert read_scanrefer(path, make.labels()).expressions == (unflagged,)


@st.composite
def arguments(draw):
    """What an Expression is made from; made in the test, where beartype may draw at random."""
    kind = draw(st.sampled_from(sorted(COUNTS)))
    low, high = COUNTS[kind]
    ids = draw(st.lists(st.integers(0, 2**31 - 1), min_size=low, max_size=high, unique=True))
    text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
    words = draw(text.map(str.strip).filter(bool))
    start = draw(st.integers(0, len(words) - 1))
    return {
        "scene_id": "scene0001_02",
        "object_ids": tuple(ids),
        "ann_id": draw(st.integers(0, 99999)),
        "object_name": draw(text),
        "description": words,
        "eval_type": kind,
        "spatial": draw(st.booleans()),
        "texture": draw(st.booleans()),
        "span": draw(st.one_of(st.none(), st.tuples(st.just(start), st.just(len(words))))),
        "frames": draw(st.sampled_from([None, (), (3, 20)])),
    }


@settings(max_examples=60, deadline=None)
@given(st.lists(arguments(), max_size=4, unique_by=lambda values: values["ann_id"]))
def test_any_expressions_come_back(tmp_path_factory, make, drawn):
    path = tmp_path_factory.mktemp("sentences") / "a.json"
    items = []
    for values in drawn:
        span = values.pop("span")
        entities = (Entity(*span, values["object_ids"], "other"),) if span else ()
        items.append(make.expression(**values, entities=entities))
    write_multi3drefer(path, items)
    found = read_multi3drefer(path)
    assert found.expressions == tuple(items)
    assert found.rejected == ()


def test_strings_for_numbers_missing_flags_and_unknown_keys_are_accepted(path):
    path.write_text(
        '\ufeff[{"scene_id":"scene0011_00","object_ids":[5,13],"object_name":"chair","ann_id":"7",'
        '"eval_type":"mt","description":"chairs","color":1,"other":{"a":[]}}]'
    )
    (item,) = read_multi3drefer(path).expressions
    assert item.ann_id == 7
    assert item.key == "scene0011_00|5_13|7"
    assert (item.color, item.shape) == (True, False)


def test_blanks_around_a_sentence_are_dropped_and_entities_follow(path, make):
    write_multi3drefer(path, [make.expression()])
    (row,) = rows(path)
    row["description"] = "  a chair \n"
    row["entities"] = [{"start": 4, "end": 9, "object_ids": [0], "role": "target"}]
    path.write_text(json.dumps([row]))
    (item,) = read_multi3drefer(path).expressions
    assert item.description == "a chair"
    assert item.description[item.entities[0].start : item.entities[0].end] == "chair"


def test_entries_of_the_wrong_form_are_listed_and_the_others_are_read(path, make):
    write_multi3drefer(path, [make.expression(ann_id=n) for n in range(6)])
    content = rows(path)
    content[0]["object_ids"] = ["3", True]
    content[1]["eval_type"] = "zt"
    del content[1]["description"]
    content[2]["scene_id"] = "../../etc"
    content[3] = ["an", "array"]
    content[4]["object_ids"] = list(range(-9, 0))
    path.write_text(json.dumps(content))
    found = read_multi3drefer(path)
    assert [item.ann_id for item in found.expressions] == [5]
    assert found.places == ("[5]",)
    integer = "Input should be a valid integer"
    assert [str(item) for item in found.rejected][:1] == [
        f"[0] scene0000_00|'3'_true|0: object_ids[0]: {integer}, found '3'; "
        f"object_ids[1]: {integer}, found true"
    ]
    assert "[1] scene0000_00|0|1: " in str(found.rejected[1])
    assert "description: Field required" in found.rejected[1].reason
    assert "eval_type: Input should be" in found.rejected[1].reason
    assert "scene_id: String should match" in found.rejected[2].reason
    assert str(found.rejected[3]) == "[3]: an object is expected, found an array"
    assert found.rejected[4].reason.endswith("; and 6 more")
    assert found.total == 6


def test_multi3drefers_annotations_are_numbered_within_a_scene(path, make):
    items = [
        make.expression(object_ids=(0,)),
        make.expression(object_ids=(1,)),
        make.expression(scene_id="scene0001_00"),
    ]
    write_multi3drefer(path, items)
    found = read_multi3drefer(path)
    assert found.expressions == (items[0], items[2])
    assert [str(item) for item in found.rejected] == [
        "[1] scene0000_00|1|0: the same annotation comes twice, first at [0]"
    ]


def test_numbers_that_are_none_are_listed(path, make):
    write_multi3drefer(path, [make.expression(**FULL)])
    path.write_text(path.read_text().replace("1.5", "NaN"))
    (item,) = read_multi3drefer(path).rejected
    assert item.reason == "viewpoint.position[2]: Input should be a finite number, found nan"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{}", "an array of entries is expected, found an object"),
        (b"3", "an array of entries is expected, found 3"),
        (b"null", "an array of entries is expected, found null"),
        (b"", "this is not JSON"),
        (b"[", "this is not JSON"),
        (b'[{"scene_id": "\xff"}]', "this is not JSON"),
        (b"[" * 100_000, "this is not JSON"),
        (b"9" * 10_000, ""),
    ],
)
@pytest.mark.parametrize("kind", ["multi3drefer", "scanrefer"])
def test_what_is_no_array_is_one_error(path, make, kind, content, said):
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read(kind, path, make, "Get it again")
    assert str(error.value).startswith(f"{path}: {said}")
    assert str(error.value).endswith("Get it again")


def read(kind, path, make, way_out=""):
    if kind == "multi3drefer":
        return read_multi3drefer(path, way_out)
    return read_scanrefer(path, make.labels(), way_out)


def test_scanrefer_is_numbered_within_an_object_and_unique_by_benchmark_class(path, make):
    """Two chairs are rivals; a trash can and a wall are both `others`; a chair is alone."""
    entries = [
        scanrefer(0, "chair"),
        scanrefer(1, "chair"),
        scanrefer(2, "trash_can"),
        scanrefer(3, "wall"),
        scanrefer(9, "chair", scene="scene0001_00"),
        scanrefer(9, "chair", 1, scene="scene0001_00"),
        scanrefer(9, "chair", 1, scene="scene0001_00"),
    ]
    path.write_text(json.dumps(entries))
    found = read_scanrefer(path, make.labels())
    assert [item.eval_type for item in found.expressions] == ["st_w_d"] * 4 + ["st_wo_d"] * 2
    assert len({item.key for item in found.expressions}) == 6
    assert [str(item) for item in found.rejected] == [
        "[6] scene0001_00|9|1: the same annotation comes twice, first at [5]"
    ]


def test_an_object_counts_once_by_its_first_name_and_rejected_entries_count(path, make):
    """Object 0 is a chair though its second entry says wall; 1 makes it multiple, unread or not."""
    entries = [
        scanrefer(0, "chair"),
        scanrefer(0, "wall", 1),
        scanrefer(1, "chair", description=" "),
        scanrefer(2, "floor"),
        scanrefer(3, "chair", ann_id="x"),
    ]
    path.write_text(json.dumps(entries))
    found = read_scanrefer(path, make.labels())
    assert [(item.object_ids[0], item.eval_type) for item in found.expressions] == [
        (0, "st_w_d"),
        (0, "st_wo_d"),
        (2, "st_wo_d"),
    ]
    assert [item.place for item in found.rejected] == ["[2]", "[4]"]


def test_the_benchmark_classes_are_those_that_scanrefer_names(samples):
    """ScanRefer maps raw_category by the column nyu40class onto 17 names; the rest is `others`."""
    source = samples / "scannet_meta" / "scannetv2-labels.combined.tsv"
    table = read_labels(source)
    header, *lines = source.read_text().splitlines()
    raw, name = (header.split("\t").index(column) for column in ("raw_category", "nyu40class"))
    named = {NYU40[number] for number in BENCHMARK[2:-1]}
    assert len(named) == 17
    for line in lines:
        cells = line.split("\t")
        found = NYU40[table.benchmark_class(cells[raw].replace(" ", "_"))]
        assert found == (cells[name] if cells[name] in named else "otherfurniture")


def test_hidden_targets_are_read_and_marked(path, make):
    path.write_text(json.dumps([scanrefer(3, "chair")]))
    (item,) = read_scanrefer(path, make.labels(), hidden=True).expressions
    assert item.hidden
    assert item.key == "scene0000_00|3|0"
    path.write_text('[{"scene_id": "scene0707_00", "ann_id": 4, "description": "it"}]')
    (item,) = read_multi3drefer(path, hidden=True).expressions
    assert (item.hidden, item.object_ids, item.object_name) == (True, (), "")
    assert read_multi3drefer(path).rejected[0].reason.count("Field required") == 3


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@st.composite
def mutations(draw):
    """A key of an entry, and what is put in its place; None of a key replaces the entry."""
    keys = "scene_id object_ids object_id object_name ann_id eval_type frames description entities"
    names = [*keys.split(), "viewpoint", "spatial", "kind", "variant_of", None]
    return draw(st.sampled_from(names)), draw(json_values)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(mutations(), min_size=1, max_size=3), st.sampled_from(["multi3drefer", "scanrefer"])
)
def test_a_changed_entry_is_read_or_listed_and_harms_no_other(tmp_path_factory, make, drawn, kind):
    path = tmp_path_factory.mktemp("changed") / "a.json"
    items = [make.expression(**FULL | {"ann_id": n}) for n in (0, 1)]
    (write_multi3drefer if kind == "multi3drefer" else write_scanrefer)(path, items)
    content = rows(path)
    for key, value in drawn:
        if key is None:
            content[0] = value
        elif isinstance(content[0], dict):
            content[0][key] = value
    try:
        path.write_text(json.dumps(content))
        found = read(kind, path, make)
    except DataError:
        assert "\\ud" in path.read_text()  # half a surrogate pair: the file is no JSON
        return
    assert found.total == 2
    assert [item.ann_id for item in found.expressions][-1:] == [1] or found.rejected
    assert all(item.reason for item in found.rejected)


def test_no_damage_escapes_as_another_error(path, make):
    write_multi3drefer(path, [make.expression(**FULL)])
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            content[place] = rng.integers(0, 256)
        path.write_bytes(bytes(content))
        try:
            refused += bool(read_multi3drefer(path).rejected)
        except DataError:
            refused += 1
    assert refused > 150
