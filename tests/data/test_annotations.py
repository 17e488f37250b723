"""Multi3DRefer's and ScanRefer's files, ours included, and what in them is refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.data.annotations import (
    read_multi3drefer,
    read_scanrefer,
    require_known_objects,
    write_multi3drefer,
    write_scanrefer,
)
from hcfres.data.errors import DataError
from hcfres.data.expression import Entity, Viewpoint

FULL = {
    "entities": (Entity(4, 9, (0,), "target"), Entity(17, 26, (1, 2), "anchor")),
    "viewpoint": Viewpoint((0.5, 1.0, 1.5), (2.0, 1.0, 0.0)),
    "frames": (0, 10),
    "kind": "reason",
    "variant_of": "scene0000_00|0|7",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sentences.json"


def rows(path):
    return json.loads(path.read_text())


def test_plain_sentences_have_multi3drefers_keys_and_no_others(path, make):
    write_multi3drefer(path, [make.expression()])
    assert rows(path) == [
        {
            "scene_id": "scene0000_00",
            "object_ids": [0],
            "object_name": "chair",
            "ann_id": 0,
            "eval_type": "st_wo_d",
            "description": "the chair by the trash can",
            "spatial": True,
            "color": False,
            "texture": False,
            "shape": False,
        }
    ]


def test_plain_sentences_have_scanrefers_keys_and_strings_for_numbers(path, make):
    item = make.expression(dataset="scanrefer", object_ids=(12,), description="it's a chair.")
    write_scanrefer(path, [item])
    assert rows(path) == [
        {
            "scene_id": "scene0000_00",
            "object_id": "12",
            "object_name": "chair",
            "ann_id": "0",
            "description": "it's a chair.",
            "token": ["it", "'", "s", "a", "chair", "."],
        }
    ]


def test_everything_an_expression_holds_comes_back(path, make):
    item = make.expression(**FULL)
    write_multi3drefer(path, [item])
    assert read_multi3drefer(path) == (item,)
    unflagged = make.expression(**FULL, dataset="scanrefer", spatial=False)
    write_scanrefer(path, [unflagged])
    assert read_scanrefer(path, make.labels()) == (unflagged,)


COUNTS = {"zt_w_d": (0, 0), "zt_wo_d": (0, 0), "st_w_d": (1, 1), "st_wo_d": (1, 1), "mt": (2, 5)}


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
    assert read_multi3drefer(path) == tuple(items)


def test_strings_for_numbers_missing_flags_and_unknown_keys_are_accepted(path):
    path.write_text(
        '[{"scene_id":"scene0011_00","object_ids":[5,13],"object_name":"chair","ann_id":"7",'
        '"eval_type":"mt","description":"chairs","color":1,"other":{"a":[]}}]'
    )
    (item,) = read_multi3drefer(path)
    assert item.ann_id == 7
    assert item.key == "scene0011_00|5_13|7"
    assert (item.color, item.shape) == (True, False)


def test_blanks_around_a_sentence_are_dropped_and_entities_follow(path, make):
    write_multi3drefer(path, [make.expression()])
    (row,) = rows(path)
    row["description"] = "  a chair \n"
    row["entities"] = [{"start": 4, "end": 9, "object_ids": [0], "role": "target"}]
    path.write_text(json.dumps([row]))
    (item,) = read_multi3drefer(path)
    assert item.description == "a chair"
    assert item.description[item.entities[0].start : item.entities[0].end] == "chair"


def test_all_contradictions_are_named_at_once(path, make):
    write_multi3drefer(
        path,
        [
            make.expression(eval_type="mt"),
            make.expression(ann_id=1, object_ids=(), eval_type="st_w_d"),
            make.expression(ann_id=2, eval_type="zt_w_d"),
            make.expression(ann_id=2, object_ids=(3, 3), eval_type="mt"),
            make.expression(ann_id=4, description=" "),
            make.expression(ann_id=5, entities=(Entity(3, 99, (), "other"),)),
        ],
    )
    with pytest.raises(DataError) as error:
        read_multi3drefer(path, "Get it again")
    message = str(error.value)
    for part in (
        "7 problems",
        "[0] scene0000_00|0|0: eval_type mt with 1 targets",
        "[1] scene0000_00||1: eval_type st_w_d with 0 targets",
        "[2] scene0000_00|0|2: eval_type zt_w_d with 1 targets",
        "[3] scene0000_00|3_3|2: the same annotation comes twice",
        "[3] scene0000_00|3_3|2: a target comes twice: [3, 3]",
        "[4] scene0000_00|0|4: the description is empty",
        "[5] scene0000_00|0|5: an entity lies outside the description's 26 characters",
        "Get it again",
    ):
        assert part in message


def test_wrong_types_are_named_with_their_place(path, make):
    write_multi3drefer(path, [make.expression(), make.expression(ann_id=1)])
    content = rows(path)
    content[0]["object_ids"] = ["3", True, -1]
    content[1]["eval_type"] = "zt"
    content[1]["scene_id"] = "../../etc"
    del content[1]["description"]
    path.write_text(json.dumps(content))
    with pytest.raises(DataError) as error:
        read_multi3drefer(path)
    message = str(error.value)
    for part in ("[0].object_ids[0]", "[0].object_ids[1]", "[0].object_ids[2]", "[1].eval_type",
                 "[1].scene_id", "[1].description: Field required"):  # fmt: skip
        assert part in message


def test_numbers_that_are_none_are_refused(path, make):
    write_multi3drefer(path, [make.expression(**FULL)])
    path.write_text(path.read_text().replace("1.5", "NaN"))
    with pytest.raises(DataError, match=r"viewpoint\.position\[2\]"):
        read_multi3drefer(path)


def test_scanrefer_is_numbered_within_an_object_and_unique_by_benchmark_class(path, make):
    """Two chairs are rivals; a trash can and a wall are both `other furniture`; a bed is alone."""
    names = ((0, "chair"), (1, "chair"), (2, "trash_can"), (3, "wall"))
    items = [
        make.expression(dataset="scanrefer", object_ids=(i,), object_name=name, ann_id=0)
        for i, name in names
    ]
    other = make.expression(dataset="scanrefer", scene_id="scene0001_00", object_ids=(9,), ann_id=0)
    again = make.expression(dataset="scanrefer", scene_id="scene0001_00", object_ids=(9,), ann_id=1)
    write_scanrefer(path, [*items, other, again])
    found = read_scanrefer(path, make.labels())
    assert [item.eval_type for item in found] == ["st_w_d"] * 4 + ["st_wo_d"] * 2
    assert len({item.key for item in found}) == 6


def test_scanrefer_has_one_target(path, make):
    with pytest.raises(ValueError, match="ScanRefer's sentences have one target"):
        write_scanrefer(path, [make.expression(object_ids=(0, 1))])
    write_scanrefer(path, [make.expression()] * 2)
    with pytest.raises(DataError, match="the same annotation comes twice"):
        read_scanrefer(path, make.labels())


def test_unknown_scenes_and_objects_are_named_at_once(path, make):
    items = [
        make.expression(object_ids=(0, 8), eval_type="mt"),
        make.expression(entities=(Entity(0, 3, (5,), "anchor"),)),
        make.expression(scene_id="scene0009_00"),
        make.expression(scene_id="scene0009_00", ann_id=1),
    ]
    with pytest.raises(DataError) as error:
        require_known_objects(path, items, {"scene0000_00": frozenset({0, 1})}, "Acquire it")
    assert str(error.value) == (
        f"{path}: 3 problems:\n"
        "  - scene scene0009_00 is unknown (2 expressions)\n"
        "  - scene0000_00|0_8|0: scene scene0000_00 has no object [8]\n"
        "  - scene0000_00|0|0: scene scene0000_00 has no object [5]. Acquire it"
    )


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
            read_multi3drefer(path)
        except DataError:
            refused += 1
    assert refused > 150
