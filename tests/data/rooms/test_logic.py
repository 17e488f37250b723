"""What forms denote in a room that is small enough to see through."""

from dataclasses import replace

import pytest

from hcfres.data.expression import Viewpoint
from hcfres.data.rooms.forms import (
    Attribute,
    Form,
    Negated,
    Placed,
    Related,
    Stance,
    Superlative,
    anchors_of,
    needs_viewpoint,
)
from hcfres.data.rooms.logic import evaluate, judge, viewpoint_of
from hcfres.data.rooms.room import Furniture, Room

RED, BLUE = Attribute("colour", "red"), Attribute("colour", "blue")


def thing(number: int, label: str, x: float, y: float, **changes: object) -> Furniture:
    plain = Furniture(
        number, label, "red", "plain", "medium", "", (x, y, 0.3), (0.5, 0.5, 0.6), 0.0, None, False
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


#   y=4  |            bed
#        | red chair (1), blue chair (2) west and east of the desk at y = 2
#   y=0  |            door
ROOM = Room(
    "scene0001_00",
    1,
    5.0,
    4.0,
    2.5,
    (
        thing(0, "desk", 2.5, 2.0),
        thing(1, "chair", 1.65, 2.0),
        thing(2, "chair", 3.35, 2.0, colour="blue", size="large", pattern="striped"),
        thing(3, "bed", 2.5, 3.5, extent=(1.0, 0.9, 0.5)),
        thing(4, "door", 2.5, 0.03, extent=(0.9, 0.06, 2.0), on_wall=True),
        thing(5, "chair", 4.7, 0.3, extent=(0.5, 0.5, 1.2)),
    ),
)
DESK, BED, DOOR = Form("desk"), Form("bed"), Form("door")
FROM_DOOR = viewpoint_of(Stance(DOOR, DESK), ROOM)


def denotes(form: Form, viewpoint: Viewpoint | None = FROM_DOOR) -> set[int]:
    assert not judge(form, ROOM, viewpoint).doubtful
    return set(evaluate(form, ROOM, viewpoint))


def test_a_class_and_its_attributes_select_objects() -> None:
    assert denotes(Form("chair", number=None)) == {1, 2, 5}
    assert denotes(Form("chair", (RED,), number=None)) == {1, 5}
    assert denotes(Form("chair", (BLUE, Attribute("pattern", "striped")))) == {2}
    assert denotes(Form("chair", (Negated(RED),))) == {2}
    assert denotes(Form("lamp")) == set()


def test_a_medium_object_is_neither_clearly_large_nor_clearly_small() -> None:
    found = judge(Form("chair", (Attribute("size", "large"),)), ROOM)
    assert found.certain == {2}
    assert found.doubtful == {1, 5}


def test_relations_select_by_their_anchor() -> None:
    next_to_desk = Related("next_to", (DESK,))
    assert denotes(Form("chair", (next_to_desk,), number=None)) == {1, 2}
    assert denotes(Form("chair", (next_to_desk, RED))) == {1}
    assert denotes(Form("chair", (Related("next_to", (Form("lamp"),)),))) == set()
    assert denotes(Form("desk", (Related("between", (DOOR, BED)),))) == {0}
    assert denotes(Form("desk", (Related("between", (Form("lamp", number=2),)),))) == set()


def test_left_and_right_follow_the_stated_viewpoint() -> None:
    left, right = Related("left_of", (DESK,)), Related("right_of", (DESK,))
    assert denotes(Form("chair", (left,))) == {1}
    from_bed = viewpoint_of(Stance(BED, DESK), ROOM)
    assert 1 in evaluate(Form("chair", (right,)), ROOM, from_bed)
    assert needs_viewpoint(Form("chair", (left,)))
    with pytest.raises(ValueError, match="needs a viewpoint"):
        evaluate(Form("chair", (left,)), ROOM)


def test_places_select_by_the_walls() -> None:
    assert denotes(Form("chair", (Placed("corner"),))) == {5}
    assert denotes(Form("desk", (Placed("middle"),))) == {0}
    assert denotes(Form("door", (Placed("on_wall"),))) == {4}


def test_superlatives_select_the_extreme_one_of_what_is_left() -> None:
    assert denotes(Form("chair", (), Superlative("tallest"))) == {5}
    assert denotes(Form("chair", (), Superlative("farthest", BED))) == {5}
    assert denotes(Form("chair", (RED,), Superlative("nearest", DESK))) == {1}
    from_bed = viewpoint_of(Stance(BED, DESK), ROOM)
    assert denotes(Form("chair", (), Superlative("rightmost")), from_bed) == {1}


def test_leftmost_is_not_told_of_what_stands_beside_the_viewer() -> None:
    assert judge(Form("chair", (), Superlative("leftmost")), ROOM, FROM_DOOR).doubtful == {1, 2, 5}


def test_an_extreme_that_does_not_lead_clearly_leaves_all_in_doubt() -> None:
    found = judge(Form("chair", (), Superlative("nearest", DESK)), ROOM)
    assert found.certain == set()
    assert found.doubtful == {1, 2, 5}


def test_a_count_that_is_wrong_denotes_nothing() -> None:
    assert denotes(Form("chair", (RED,), number=2)) == {1, 5}
    assert denotes(Form("chair", (RED,), number=3)) == set()


def test_an_anchor_in_doubt_leaves_the_relation_in_doubt() -> None:
    large_chair = Form("chair", (Attribute("size", "large"),))
    found = judge(Form("desk", (Related("next_to", (large_chair,)),)), ROOM)
    assert found.certain == {0}  # the large one is next to it beyond doubt
    small_chair = Form("chair", (Attribute("size", "small"),))
    found = judge(Form("desk", (Related("next_to", (small_chair,)),)), ROOM)
    assert found.certain == set()
    assert found.doubtful == {0}


def test_a_viewpoint_needs_one_place_to_stand_away_from_what_it_faces() -> None:
    assert Viewpoint((2.5, 0.03, 1.5), (2.5, 2.0, 0.3)) == FROM_DOOR
    assert viewpoint_of(Stance(Form("chair"), DESK), ROOM) is None
    assert viewpoint_of(Stance(None, DESK), ROOM) is None  # the desk stands in the middle


def test_a_form_knows_the_other_objects_it_speaks_of() -> None:
    form = Form("chair", (Negated(Related("next_to", (DESK,))),), Superlative("nearest", BED))
    assert anchors_of(form) == (DESK, BED)
