"""Headings are undone, and the solids hold what the parts are made of."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcfres.data.rooms.catalogue import LABELS, Piece
from hcfres.data.rooms.layout import make_room
from hcfres.data.rooms.mesh import room_mesh
from hcfres.data.rooms.plan import bounding_extent, place
from hcfres.data.rooms.solids import local_extent, placed_solids, turned


@given(st.floats(0.1, 2.0), st.floats(0.1, 2.0), st.integers(0, 3), st.floats(-0.43, 0.43))
def test_the_extent_comes_back_from_the_bounding_box(
    d: float, w: float, quarter: int, askew: float
):
    piece = Piece("chair", "red", "plain", "medium", "", (d, w, 0.9))
    item = place(piece, (1.0, 2.0, 0.0), quarter * math.pi / 2 + askew)
    assert local_extent(item) == pytest.approx((d, w, 0.9), abs=1e-6)


def test_a_quarter_turn_swaps_depth_and_width():
    piece = Piece("desk", "red", "plain", "medium", "", (0.6, 1.2, 0.7))
    assert bounding_extent(piece, math.pi / 2) == pytest.approx((1.2, 0.6, 0.7))
    box = turned(np.array([[0.0, 0.0, 0.0, 0.3, 0.6, 0.7]]), math.pi / 2)
    assert box[0] == pytest.approx([-0.6, 0, 0, 0, 0.3, 0.7])


@pytest.mark.parametrize("seed", range(1, 40, 3))
def test_every_vertex_of_an_object_lies_in_one_of_its_solids(seed: int):
    room = make_room(seed, "scene0000_00")
    mesh = room_mesh(room)
    for item in room.furniture:
        points = mesh.corners[mesh.instance == item.object_id].reshape(-1, 3)
        boxes = placed_solids(item)
        low, high = boxes[:, None, :3] - 0.012, boxes[:, None, 3:] + 0.012
        inside = ((points >= low) & (points <= high)).all(axis=2).any(axis=0)
        assert inside.all(), (item.label, points[~inside][:3], boxes)


def test_every_label_can_be_built():
    labels = {item.label for seed in range(60) for item in make_room(seed, "s").furniture}
    assert labels == set(LABELS)
