"""Spatial relations between the objects of a room, with a margin: yes, no, or too close to call.

Everything is computed on axis-aligned boxes in the room's frame (metres, +z up). The middle answer
is None; a sentence is only used when no object of the room is in that middle.
"""

import math
from collections.abc import Sequence

from hcfres.data.expression import Viewpoint
from hcfres.data.rooms.room import Furniture, Room

Truth = bool | None
"""True and False are clear; None is too close to call."""


def graded(value: float, yes: float, no: float) -> Truth:
    """True from `yes` on, False from `no` on, None between; which is larger gives the direction."""
    if yes < no:
        return True if value <= yes else False if value >= no else None
    return True if value >= yes else False if value <= no else None


def all_of(*truths: Truth) -> Truth:
    """Kleene's conjunction: False if any is False, else None if any is None, else True."""
    return False if False in truths else None if None in truths else True


def none_of(truth: Truth) -> Truth:
    """Kleene's negation: what is too close to call stays so."""
    return None if truth is None else not truth


def low(item: Furniture, axis: int) -> float:
    """Lower side of the object's box along the axis, metres."""
    return item.centre[axis] - item.extent[axis] / 2


def high(item: Furniture, axis: int) -> float:
    """Upper side of the object's box along the axis, metres."""
    return item.centre[axis] + item.extent[axis] / 2


def interval_gap(one: Furniture, other: Furniture, axis: int) -> float:
    """Free space between two boxes along the axis, metres; negative by as much as they overlap."""
    apart = abs(one.centre[axis] - other.centre[axis])
    sizes = (one.extent[axis], other.extent[axis])
    return max(apart - sum(sizes) / 2, -min(sizes))


def gap(one: Furniture, other: Furniture) -> float:
    """Free horizontal space between two boxes, metres; 0 where one lies over the other."""
    x = abs(one.centre[0] - other.centre[0]) - (one.extent[0] + other.extent[0]) / 2
    y = abs(one.centre[1] - other.centre[1]) - (one.extent[1] + other.extent[1]) / 2
    return math.hypot(max(x, 0.0), max(y, 0.0))


def distance(one: Furniture, other: Furniture) -> float:
    """Horizontal distance between two centres, metres."""
    return math.dist(one.centre[:2], other.centre[:2])


def on(one: Furniture, other: Furniture, room: Room) -> Truth:
    """Whether `one` stands or lies on `other`; unclear where a third object is between them."""
    if one.rests_on == other.object_id:
        return True
    by_id = {item.object_id: item for item in room.furniture}
    supporter = by_id.get(one.rests_on) if one.rests_on is not None else None
    return None if supporter and supporter.rests_on == other.object_id else False


def under(one: Furniture, other: Furniture) -> Truth:
    """Whether `one` is below `other`: under a table top, or at the wall under a picture."""
    if one.on_wall or one.object_id in (other.object_id, other.rests_on):
        return False
    if other.on_wall:
        return _below_on_wall(one, other)
    if one.rests_on is not None or other.rests_on is not None:
        return False if gap(one, other) > 0 else None
    overlap = math.prod(max(-interval_gap(one, other, axis), 0.0) for axis in (0, 1))
    covered = overlap / (one.extent[0] * one.extent[1])
    return all_of(graded(covered, 0.75, 0.02), graded(high(other, 2) - high(one, 2), 0.02, -0.05))


def _below_on_wall(one: Furniture, other: Furniture) -> Truth:
    across = 0 if other.extent[0] < other.extent[1] else 1  # the thin side points into the room
    along = 1 - across
    inside = min(other.centre[along] - low(one, along), high(one, along) - other.centre[along])
    near = max(interval_gap(one, other, across), 0.0)
    below = low(other, 2) - high(one, 2)
    lined_up = graded(inside, 0.05, -(other.extent[along] / 2 + 0.1))
    return all_of(lined_up, graded(near, 0.3, 0.9), graded(below, -0.02, -0.4))


def above(one: Furniture, other: Furniture) -> Truth:
    """Whether `one` hangs on the wall over `other`."""
    return under(other, one) if one.on_wall and not other.on_wall else False


def next_to(one: Furniture, other: Furniture) -> Truth:
    """Whether at most 45 cm lie between the two, at one height; clearly not from 90 cm on."""
    if one.object_id == other.object_id:
        return False
    between = gap(one, other)
    if between >= 0.9:
        return False
    resting = other.object_id == one.rests_on or one.object_id == other.rests_on
    same_height = interval_gap(one, other, 2) <= -0.1
    if resting or not same_height or between == 0.0:
        return None
    if one.on_wall == other.on_wall and one.rests_on != other.rests_on:
        return None
    return graded(between, 0.45, 0.9)


def between(one: Furniture, ends: Sequence[Furniture]) -> Truth:
    """Whether `one` is in the middle part of the line from the first end to the second."""
    first, second = ends
    if one.object_id in (first.object_id, second.object_id):
        return False
    line = (second.centre[0] - first.centre[0], second.centre[1] - first.centre[1])
    length = math.hypot(*line)
    if length < 0.5:
        return None
    offset = (one.centre[0] - first.centre[0], one.centre[1] - first.centre[1])
    share = (offset[0] * line[0] + offset[1] * line[1]) / length**2
    aside = abs(offset[0] * line[1] - offset[1] * line[0]) / length
    return all_of(graded(abs(share - 0.5), 0.28, 0.46), graded(aside, 0.4, 0.9))


def beside_as_seen(one: Furniture, other: Furniture, side: int, viewpoint: Viewpoint) -> Truth:
    """Whether `one` is to the left (side -1) or the right (+1) of `other`, as the viewer sees it.

    Clear within 40 degrees of the viewer's side and 2.5 m, clearly not from 65 degrees on.
    """
    if one.object_id == other.object_id:
        return False
    forward, rightward = axes(viewpoint)
    offset = (one.centre[0] - other.centre[0], one.centre[1] - other.centre[1])
    reach = math.hypot(*offset)
    if reach < 0.15:
        return None
    sideways = side * (offset[0] * rightward[0] + offset[1] * rightward[1])
    ahead = abs(offset[0] * forward[0] + offset[1] * forward[1])
    angle = graded(math.degrees(math.atan2(ahead, sideways)), 40.0, 65.0)
    if angle is True and (other.object_id == one.rests_on or one.object_id == other.rests_on):
        return None
    return all_of(angle, None if angle and reach > 2.5 else True)


def axes(viewpoint: Viewpoint) -> tuple[tuple[float, float], tuple[float, float]]:
    """The viewer's forward and rightward directions on the floor, unit length."""
    x = viewpoint.look_at[0] - viewpoint.position[0]
    y = viewpoint.look_at[1] - viewpoint.position[1]
    length = math.hypot(x, y)
    if length == 0.0:
        raise ValueError("a viewpoint looks at its own position: it has no left and right")
    return (x / length, y / length), (y / length, -x / length)


def wall_distances(item: Furniture, room: Room) -> tuple[float, float]:
    """Free space to the nearer wall along x and along y, metres."""
    return (
        min(low(item, 0), room.width - high(item, 0)),
        min(low(item, 1), room.depth - high(item, 1)),
    )


def in_corner(item: Furniture, room: Room) -> Truth:
    """Whether both walls of a corner are within 40 cm; clearly not when one is 1 m away."""
    if item.on_wall or item.rests_on is not None:
        return None if max(wall_distances(item, room)) < 1.0 else False
    if item.extent[0] > 0.7 * room.width or item.extent[1] > 0.7 * room.depth:
        return None
    return graded(max(wall_distances(item, room)), 0.4, 1.0)


def against_wall(item: Furniture, room: Room) -> Truth:
    """Whether the object stands within 15 cm of a wall; clearly not from 50 cm on."""
    nearest = min(wall_distances(item, room))
    if item.on_wall or item.rests_on is not None:
        return None if nearest < 0.5 else False
    return graded(nearest, 0.15, 0.5)


def in_middle(item: Furniture, room: Room) -> Truth:
    """Whether the centre is within 15 % of the room's middle; clearly not from 28 % on."""
    aside = max(
        abs(item.centre[0] / room.width - 0.5),
        abs(item.centre[1] / room.depth - 0.5),
    )
    truth = graded(aside, 0.15, 0.28)
    return None if truth and (item.on_wall or item.rests_on is not None) else truth
