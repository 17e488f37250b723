"""Rooms are furnished sensibly, and the same for the same seed."""

import math
from collections import Counter
from functools import cache

import numpy as np
import pytest

from hcfres.data.rooms.catalogue import KINDS, LABELS, SIZES
from hcfres.data.rooms.layout import FEWEST, MOST, make_room, scene_type
from hcfres.data.rooms.plan import Plan, overlaps, place
from hcfres.data.rooms.room import Furniture, Room
from hcfres.data.rooms.seeds import PRETRAIN, TRAIN, VAL, scene_id
from hcfres.data.rooms.solids import as_piece, placed_solids, rest

SEEDS = (*TRAIN[:80], *VAL[:60], *PRETRAIN[:60])


@cache
def rooms() -> tuple[Room, ...]:
    return tuple(make_room(seed, scene_id(seed)) for seed in SEEDS)


def test_a_seed_gives_the_same_room_again_and_another_seed_another():
    assert make_room(7, "scene0007_00") == make_room(7, "scene0007_00")
    assert make_room(7, "scene0007_00").furniture != make_room(8, "scene0007_00").furniture


def test_a_room_has_eight_to_twenty_objects_numbered_in_order():
    for room in rooms():
        assert FEWEST <= len(room.furniture) <= MOST
        assert [item.object_id for item in room.furniture] == list(range(len(room.furniture)))


def test_at_least_fourteen_classes_of_the_catalogue_are_used_and_each_is_common():
    counts = Counter(item.label for room in rooms() for item in room.furniture)
    assert set(counts) == set(LABELS)
    assert len(counts) >= 14
    assert min(counts.values()) >= 10


def test_many_rooms_hold_many_objects_of_one_class():
    most = [Counter(f.label for f in room.furniture).most_common(1)[0][1] for room in rooms()]
    assert sum(count >= 4 for count in most) >= len(most) / 3
    assert max(most) >= 6


def test_every_kind_of_room_is_made():
    assert len({scene_type(seed) for seed in SEEDS}) == 6


def test_no_two_objects_share_space():
    """Solids of a supporter and what rests on it may touch to 3 mm; others stay 1 cm apart."""
    for room in rooms():
        solids = [placed_solids(item) for item in room.furniture]
        for item in room.furniture:
            for other in room.furniture[: item.object_id]:
                touching = other.object_id == item.rests_on
                margin = -0.004 if touching else 0.01
                assert not overlaps(solids[item.object_id], solids[other.object_id], margin)


def test_every_object_is_inside_the_room():
    for room in rooms():
        for item in room.furniture:
            low = np.array(item.centre) - np.array(item.extent) / 2
            high = low + np.array(item.extent)
            assert (low >= -1e-6).all()
            assert (high <= np.array([room.width, room.depth, room.height]) + 1e-6).all()


def bottom(item: Furniture) -> float:
    return item.centre[2] - item.extent[2] / 2


def test_what_rests_on_something_lies_on_its_surface():
    found = 0
    for room in rooms():
        for item in room.furniture:
            if item.rests_on is None:
                continue
            found += 1
            below = room.furniture[item.rests_on]
            surface = rest(as_piece(below))
            assert surface is not None
            assert bottom(item) == pytest.approx(bottom(below) + surface.z, abs=1e-6)
            offset = np.array(item.centre[:2]) - np.array(below.centre[:2])
            c, s = math.cos(below.heading), math.sin(below.heading)
            forward, left = c * offset[0] + s * offset[1], -s * offset[0] + c * offset[1]
            assert surface.x0 < forward < surface.x1
            assert surface.y0 < left < surface.y1
    assert found > len(rooms())


def test_what_rests_on_nothing_stands_on_the_floor_or_hangs_on_a_wall():
    for room in rooms():
        for item in room.furniture:
            if item.rests_on is None and not item.on_wall:
                assert bottom(item) == pytest.approx(0, abs=1e-9)
            if item.on_wall:
                x, y, _ = item.centre
                ex, ey, _ = item.extent
                gaps = (x - ex / 2, room.width - x - ex / 2, y - ey / 2, room.depth - y - ey / 2)
                assert min(gaps) < 0.02


def test_pillows_lie_on_beds_and_couches_and_monitors_stand_on_desks():
    supporters: dict[str, set[str]] = {"pillow": set(), "monitor": set()}
    for room in rooms():
        for item in room.furniture:
            if item.label in supporters and item.rests_on is not None:
                supporters[item.label].add(room.furniture[item.rests_on].label)
            elif item.label in supporters:
                pytest.fail(f"a {item.label} rests on nothing")
    assert supporters == {"pillow": {"bed", "couch"}, "monitor": {"desk"}}


def test_headings_stay_where_the_bounding_box_determines_the_piece():
    for room in rooms():
        for item in room.furniture:
            quarter = math.remainder(item.heading, math.pi / 2)
            assert abs(quarter) < math.radians(25)


def test_sizes_do_not_mix():
    """Of one class and shape, every small one is smaller than every large one."""
    spans: dict[tuple[str, str, str], list[float]] = {}
    for room in rooms():
        for item in room.furniture:
            if item.label in ("table", "pillow", "box", "plant"):
                continue
            key = (item.label, item.shape, item.size)
            spans.setdefault(key, []).append(as_piece(item).extent[1])
    for (label, shape, size), widths in spans.items():
        larger = spans.get((label, shape, "large"))
        if size == "small" and larger and KINDS[label].grows[1]:
            assert max(widths) < min(larger)
    assert SIZES["small"] < SIZES["medium"] < SIZES["large"]


def test_a_plan_refuses_what_would_overlap():
    room = make_room(3, "scene0003_00")
    item = next(f for f in room.furniture if f.rests_on is None and not f.on_wall)
    plan = Plan(room.width, room.depth, room.height, limit=5)
    piece = as_piece(item)
    where = (item.centre[0], item.centre[1], 0.0)
    assert plan.add(piece, place(piece, where, item.heading)) == 0
    assert plan.add(piece, place(piece, where, item.heading)) is None
    assert plan.add(piece, place(piece, (-1.0, 0.0, 0.0), 0.0)) is None


def test_a_plan_keeps_reserved_space_clear():
    room = make_room(3, "scene0003_00")
    item = next(f for f in room.furniture if f.rests_on is None and not f.on_wall)
    plan = Plan(room.width, room.depth, room.height, limit=5)
    plan.keep_clear((0.0, 0.0, 0.0, room.width, room.depth, room.height))
    piece = as_piece(item)
    assert (
        plan.add(piece, place(piece, (item.centre[0], item.centre[1], 0.0), item.heading)) is None
    )
