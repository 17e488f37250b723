"""What is kept of a file of annotations, what is left out and said, and the writers."""

import json

import pytest

from hcfres.data.annotations.annotations import (
    Annotations,
    Note,
    Rejected,
    collect,
    held_against_scans,
    rejections_text,
    require_scans,
    write_multi3drefer,
    write_scanrefer,
)
from hcfres.data.errors import DataError
from hcfres.data.expression import Entity

SCANS = {"scene0000_00": {0: "chair", 1: "trash can", 2: "office chair"}}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sentences.json"


def gathered(path, items):
    entries = [(f"[{number}]", item) for number, item in enumerate(items)]
    return collect(path, entries, lambda item: (item.scene_id, item.ann_id))


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


def test_scanrefers_sentences_have_one_target(path, make):
    with pytest.raises(ValueError, match="ScanRefer's sentences have one target"):
        write_scanrefer(path, [make.expression(object_ids=(0, 1))])


def test_contradictions_are_listed_with_their_place_and_the_others_are_kept(path, make):
    found = gathered(
        path,
        [
            make.expression(eval_type="mt"),
            make.expression(ann_id=1, object_ids=(), eval_type="st_w_d"),
            make.expression(ann_id=2, eval_type="zt_w_d"),
            make.expression(ann_id=3, object_ids=(3, 3), eval_type="mt"),
            make.expression(ann_id=4, description=""),
            make.expression(ann_id=5, entities=(Entity(3, 99, (), "other"),)),
            make.expression(ann_id=6),
            make.expression(ann_id=6, description="again"),
            Rejected("[8]", "", "unreadable"),
            make.expression(ann_id=0),
        ],
    )
    assert [str(item) for item in found.rejected] == [
        "[0] scene0000_00|0|0: eval_type mt with 1 targets",
        "[1] scene0000_00||1: eval_type st_w_d with 0 targets",
        "[2] scene0000_00|0|2: eval_type zt_w_d with 1 targets",
        "[3] scene0000_00|3_3|3: a target comes twice: [3, 3]",
        "[4] scene0000_00|0|4: the description is empty",
        "[5] scene0000_00|0|5: an entity lies outside the description's 26 characters",
        "[7] scene0000_00|0|6: the same annotation comes twice, first at [6]",
        "[8]: unreadable",
    ]
    assert [item.ann_id for item in found.expressions] == [6, 0]
    assert found.places == ("[6]", "[9]")
    assert found.total == 10


def test_an_unknown_object_is_left_out_and_a_name_unlike_its_label_is_noted(path, make):
    found = gathered(
        path,
        [
            make.expression(),
            make.expression(ann_id=1, object_ids=(0, 8), eval_type="mt"),
            make.expression(ann_id=2, entities=(Entity(0, 3, (5,), "anchor"),)),
            make.expression(ann_id=3, object_ids=(1,), object_name="trash_can"),
            make.expression(ann_id=4, object_ids=(0, 2), eval_type="mt"),
            make.expression(ann_id=5, object_ids=(), eval_type="zt_wo_d", object_name="bed"),
        ],
    )
    held = held_against_scans(found, SCANS)
    assert [str(item) for item in held.rejected] == [
        "[1] scene0000_00|0_8|1: scene scene0000_00 has no object [8]",
        "[2] scene0000_00|0|2: scene scene0000_00 has no object [5]",
    ]
    assert [item.ann_id for item in held.expressions] == [0, 3, 4, 5]
    assert held.places == ("[0]", "[3]", "[4]", "[5]")
    reason = "object_name is 'chair', the scan's label ['office chair']"
    assert held.notes == (Note("[4]", "scene0000_00|0_2|4", reason),)


def test_all_unknown_scenes_are_one_error_with_whatever_else_is_wrong(path, make):
    items = [
        make.expression(object_ids=(8,)),
        make.expression(scene_id="scene0009_00", ann_id=1),
        make.expression(scene_id="scene0009_00", ann_id=2),
    ]
    with pytest.raises(DataError) as error:
        require_scans(held_against_scans(gathered(path, items), SCANS), "Acquire it")
    assert str(error.value) == (
        f"{path}: 2 problems:\n"
        "  - scene scene0009_00 is unknown (2 expressions)\n"
        "  - [0] scene0000_00|8|0: scene scene0000_00 has no object [8]. Acquire it"
    )
    many = [make.expression(scene_id=f"scene{n:04}_00") for n in range(1, 41)]
    with pytest.raises(DataError) as error:
        require_scans(held_against_scans(gathered(path, many), SCANS))
    assert all(item.scene_id in str(error.value) for item in many)


def test_a_scene_of_another_split_is_left_out(path, make):
    held = held_against_scans(
        gathered(path, [make.expression()]), SCANS, frozenset({"scene0001_00"})
    )
    assert held.expressions == ()
    assert held.rejected[0].reason == "scene scene0000_00 is not in the split's list"


def test_an_entry_that_the_list_leaves_out_needs_no_scan(path, make):
    items = [make.expression(), make.expression(scene_id="scene0009_00", ann_id=1)]
    held = held_against_scans(gathered(path, items), SCANS, frozenset({"scene0000_00"}))
    require_scans(held)
    assert [item.scene_id for item in held.expressions] == ["scene0000_00"]
    assert [str(item) for item in held.rejected] == [
        "[1] scene0009_00|0|1: scene scene0009_00 is not in the split's list"
    ]


def test_hidden_objects_are_held_against_nothing(path, make):
    found = gathered(path, [make.expression(object_ids=(99,), hidden=True)])
    assert held_against_scans(found, {"scene0000_00": None}) == found


def test_one_line_says_how_many_were_left_out_and_where_they_are_listed(tmp_path, make):
    path = tmp_path / "my data" / "nr3d.csv"
    found = Annotations((make.expression(),), (Rejected("line 3", "", "odd"),), path=path)
    assert rejections_text(found) == (
        f"{path}: 1 of 2 entries cannot be used and were left out; "
        f"`hcfres data sentences '{path}'` lists them"
    )
    assert rejections_text(Annotations(found.expressions, ())) == ""
