"""Splits that share nothing, and colours only validation shows."""

from itertools import combinations

import pytest

from hcfres.data.rooms.catalogue import ALL, KINDS, LABELS
from hcfres.data.rooms.layout import make_room
from hcfres.data.rooms.seeds import (
    EXAMINE,
    PRETRAIN,
    RANGES,
    TRAIN,
    VAL,
    held_out,
    scene_id,
    split_of,
)


def test_no_seed_serves_two_purposes():
    for first, second in combinations(RANGES.values(), 2):
        assert not set(first) & set(second)


def test_a_scene_id_names_its_seed_so_that_no_space_crosses_splits():
    assert scene_id(42) == "scene0042_00"
    assert scene_id(700, scan=1) == "scene0700_01"
    assert [split_of(seeds[0]) for seeds in (TRAIN, VAL, PRETRAIN, EXAMINE)] == list(RANGES)


@pytest.mark.parametrize("seed", [-1, 10_000])
def test_a_seed_of_no_split_is_refused(seed: int):
    with pytest.raises(ValueError, match="belongs to no split"):
        make_room(seed, "scene0000_00")


def test_two_colours_of_every_class_are_held_out():
    for label in LABELS:
        assert sum(held_out(label, colour) for colour in ALL) == 2


@pytest.mark.parametrize("seeds", [TRAIN, PRETRAIN, EXAMINE])
def test_outside_validation_no_object_has_a_held_out_colour(seeds: range):
    for seed in seeds[:40]:
        for item in make_room(seed, "scene0000_00").furniture:
            if KINDS[item.label].colour_told:
                assert not held_out(item.label, item.colour)


def test_validation_rooms_show_held_out_colours_often():
    rooms = [make_room(seed, "scene0000_00") for seed in VAL[:30]]
    novel = [
        sum(held_out(f.label, f.colour) and KINDS[f.label].colour_told for f in room.furniture)
        for room in rooms
    ]
    assert sum(count > 0 for count in novel) >= 27
    assert sum(novel) >= 2 * len(rooms)
