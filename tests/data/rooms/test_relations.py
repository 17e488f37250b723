"""Relations are checked on boxes whose distances are worked out by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcfres.data.expression import Viewpoint
from hcfres.data.rooms import relations
from hcfres.data.rooms.room import Furniture, Room

BOX = Furniture(
    0, "box", "red", "plain", "medium", "", (2.0, 2.0, 0.25), (0.5, 0.5, 0.5), 0.0, None, False
)
ROOM = Room("scene0000_00", 0, 5.0, 4.0, 2.5, (BOX,))


def box(number: int, x: float, y: float, **changes: object) -> Furniture:
    return replace(BOX, object_id=number, centre=(float(x), float(y), 0.25), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "truth"), [(0.1, True), (0.45, True), (0.6, None), (0.9, False), (2.0, False)]
)
def test_between_yes_and_no_lies_too_close_to_call(value: float, truth: bool | None) -> None:
    assert relations.graded(value, 0.45, 0.9) is truth
    assert relations.graded(-value, -0.45, -0.9) is truth


@given(st.lists(st.sampled_from([True, False, None])))
def test_a_conjunction_is_false_when_any_part_is_and_true_only_when_all_are(
    truths: list[bool | None],
) -> None:
    whole = relations.all_of(*truths)
    assert (whole is False) == (False in truths)
    assert (whole is True) == all(truth is True for truth in truths)


def test_next_to_counts_the_free_space_between_the_boxes() -> None:
    # Centres 0.9 m apart and half a metre of box: 0.4 m of free space.
    assert relations.next_to(BOX, box(1, 2.9, 2)) is True
    assert relations.next_to(BOX, box(1, 3.2, 2)) is None
    assert relations.next_to(BOX, box(1, 3.5, 2)) is False
    # Diagonally 0.3 m along each axis make 0.42 m.
    assert relations.next_to(BOX, box(1, 2.8, 2.8)) is True


def test_nothing_is_next_to_what_it_stands_on_or_beyond_doubt_next_to_what_hangs_higher() -> None:
    upper = replace(box(1, 2.6, 2), centre=(2.6, 2.0, 1.5))
    assert relations.next_to(BOX, upper) is None
    lying = replace(box(1, 2, 2), centre=(2.0, 2.0, 0.75), rests_on=0)
    assert relations.next_to(lying, BOX) is None
    assert relations.on(lying, BOX, ROOM) is True
    assert relations.on(BOX, lying, ROOM) is False


def test_on_the_second_of_a_pile_is_too_close_to_call_for_the_first() -> None:
    middle, top = box(1, 2, 2, rests_on=0), box(2, 2, 2, rests_on=1)
    room = replace(ROOM, furniture=(BOX, middle, top))
    assert relations.on(top, middle, room) is True
    assert relations.on(top, BOX, room) is None


def test_under_a_table_is_what_its_top_covers() -> None:
    table = replace(BOX, object_id=1, centre=(2.0, 2.0, 0.37), extent=(1.5, 0.9, 0.74))
    assert relations.under(BOX, table) is True
    assert relations.under(box(0, 2.75, 2), table) is None  # half of it sticks out
    assert relations.under(box(0, 3.3, 2), table) is False
    assert relations.under(table, BOX) is False


def test_below_a_picture_is_what_stands_at_the_wall_under_it() -> None:
    picture = replace(
        BOX, object_id=1, centre=(2.0, 0.02, 1.5), extent=(0.8, 0.03, 0.5), on_wall=True
    )
    assert relations.under(box(0, 2.1, 0.3), picture) is True
    assert relations.above(picture, box(0, 2.1, 0.3)) is True
    assert relations.under(box(0, 2.5, 0.3), picture) is None
    assert relations.under(box(0, 3.5, 0.3), picture) is False
    assert relations.under(box(0, 2.0, 2.0), picture) is False


def test_between_is_the_middle_part_of_the_line() -> None:
    ends = (box(1, 1, 1), box(2, 4, 1))
    assert relations.between(box(0, 2.5, 1.1), ends) is True
    assert relations.between(box(0, 2.5, 1.6), ends) is None
    assert relations.between(box(0, 1.0, 1.5), ends) is False
    assert relations.between(box(0, 2.5, 2.5), ends) is False


def test_left_and_right_swap_when_the_viewer_looks_from_the_other_side() -> None:
    anchor, item = box(1, 2, 2), box(0, 1, 2)
    from_south = Viewpoint((2.0, 0.0, 1.5), (2.0, 2.0, 0.25))  # looks along +y: -x is on the left
    from_north = Viewpoint((2.0, 4.0, 1.5), (2.0, 2.0, 0.25))
    assert relations.beside_as_seen(item, anchor, -1, from_south) is True
    assert relations.beside_as_seen(item, anchor, 1, from_south) is False
    assert relations.beside_as_seen(item, anchor, -1, from_north) is False
    assert relations.beside_as_seen(item, anchor, 1, from_north) is True
    behind = box(0, 1.9, 3.5)
    assert relations.beside_as_seen(behind, anchor, -1, from_south) is False
    oblique = box(0, 1, 3.2)  # 50 degrees away from the viewer's left
    assert relations.beside_as_seen(oblique, anchor, -1, from_south) is None


def test_who_looks_at_his_own_feet_has_no_left() -> None:
    with pytest.raises(ValueError, match="no left and right"):
        relations.axes(Viewpoint((1.0, 1.0, 1.5), (1.0, 1.0, 0.0)))


def test_corner_wall_and_middle_of_a_room_of_five_by_four_metres() -> None:
    assert relations.in_corner(box(0, 0.4, 3.6), ROOM) is True
    assert relations.in_corner(box(0, 0.4, 3.0), ROOM) is None
    assert relations.in_corner(box(0, 0.4, 2.0), ROOM) is False
    assert relations.against_wall(box(0, 0.3, 2.0), ROOM) is True
    assert relations.against_wall(box(0, 0.6, 2.0), ROOM) is None
    assert relations.against_wall(box(0, 2.5, 2.0), ROOM) is False
    assert relations.in_middle(box(0, 2.7, 2.2), ROOM) is True
    assert relations.in_middle(box(0, 1.0, 2.0), ROOM) is False
