"""What a logical form denotes in a room.

Every judgement has three values: `judge` keeps the objects that are too close to call apart, and a
sentence is only used when there are none.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from hcfres.data.expression import Viewpoint
from hcfres.data.rooms import relations
from hcfres.data.rooms.forms import (
    Attribute,
    Constraint,
    Form,
    Negated,
    Placed,
    PlaceKind,
    Related,
    RelationKind,
    Stance,
    Superlative,
)
from hcfres.data.rooms.relations import Truth
from hcfres.data.rooms.room import Furniture, Room

EYE_HEIGHT_M = 1.5
_LARGER = 1.3
"""A largest or smallest object differs from the next by this factor in volume."""
_TALLER_M = 0.15
_NEARER_M = 0.4
_MORE_SIDEWAYS_M = 0.4
_MORE_SIDEWAYS_DEG = 8.0
_AHEAD_M = 0.4


@dataclass(frozen=True)
class Judgement:
    """The objects a form denotes, and those of which it cannot be told."""

    certain: frozenset[int]
    doubtful: frozenset[int]


def evaluate(form: Form, room: Room, viewpoint: Viewpoint | None = None) -> frozenset[int]:
    """The object_ids that the form denotes in the room.

    Args:
        viewpoint: in the room's frame; a ValueError is raised when the form speaks of left or right
            without one.
    """
    return judge(form, room, viewpoint).certain


def judge(form: Form, room: Room, viewpoint: Viewpoint | None = None) -> Judgement:
    """What the form denotes, with the objects that are too close to call."""
    certain: set[int] = set()
    doubtful: set[int] = set()
    for item in room.furniture:
        if item.label != form.label:
            continue
        truths = _until_false(form.constraints, item, room, viewpoint)
        if False not in truths:
            (doubtful if None in truths else certain).add(item.object_id)
    found = Judgement(frozenset(certain), frozenset(doubtful))
    if form.superlative is not None:
        found = _extreme(form.superlative, found, room, viewpoint)
    if form.number is not None and form.number > 1 and len(found.certain) != form.number:
        return Judgement(frozenset(), found.doubtful)
    return found


def _until_false(
    constraints: tuple[Constraint, ...], item: Furniture, room: Room, viewpoint: Viewpoint | None
) -> list[Truth]:
    truths: list[Truth] = []
    for constraint in constraints:
        truths.append(holds(constraint, item, room, viewpoint))
        if truths[-1] is False:
            break
    return truths


def holds(
    constraint: Constraint, item: Furniture, room: Room, viewpoint: Viewpoint | None
) -> Truth:
    """Whether the constraint is true of the object."""
    match constraint:
        case Negated():
            return relations.none_of(holds(constraint.constraint, item, room, viewpoint))
        case Attribute(kind="size"):
            return _sized(constraint.value, item)
        case Attribute():
            return bool(getattr(item, constraint.kind) == constraint.value)
        case Placed():
            return _stands(constraint.place, item, room)
        case Related():
            return _relates(constraint, item, room, viewpoint)


def _sized(size: str, item: Furniture) -> Truth:
    """A medium object is neither clearly large nor clearly small."""
    return None if item.size != size and "medium" in (item.size, size) else item.size == size


def _stands(place: PlaceKind, item: Furniture, room: Room) -> Truth:
    match place:
        case "corner":
            return relations.in_corner(item, room)
        case "against_wall":
            return relations.against_wall(item, room)
        case "on_wall":
            return item.on_wall
        case "middle":
            return relations.in_middle(item, room)


def _relates(related: Related, item: Furniture, room: Room, viewpoint: Viewpoint | None) -> Truth:
    named = [pair for anchor in related.anchors for pair in _named(anchor, room)]
    if related.relation == "between":
        if len(named) != 2:
            return False if len(named) < 2 else None
        ends = [other for other, _ in named]
        return relations.all_of(relations.between(item, ends), *(sure for _, sure in named))
    truths = (
        relations.all_of(_pair(related.relation, item, other, room, viewpoint), sure)
        for other, sure in named
    )
    return relations.none_of(relations.all_of(*(relations.none_of(truth) for truth in truths)))


def _named(form: Form, room: Room) -> list[tuple[Furniture, Truth]]:
    """The objects an anchor names, each with True or, where doubtful, None."""
    found = judge(form, room)
    sure: dict[int, Truth] = dict.fromkeys(found.doubtful) | dict.fromkeys(found.certain, True)
    return [(item, sure[item.object_id]) for item in room.furniture if item.object_id in sure]


def _pair(
    relation: RelationKind,
    item: Furniture,
    other: Furniture,
    room: Room,
    viewpoint: Viewpoint | None,
) -> Truth:
    match relation:
        case "on":
            return relations.on(item, other, room)
        case "under":
            return relations.under(item, other)
        case "above":
            return relations.above(item, other)
        case "next_to":
            return relations.next_to(item, other)
        case "left_of" | "right_of":
            side = -1 if relation == "left_of" else 1
            return relations.beside_as_seen(item, other, side, _need(viewpoint))
        case _:
            raise ValueError(f"{relation} does not hold between two objects")


def _need(viewpoint: Viewpoint | None) -> Viewpoint:
    if viewpoint is None:
        raise ValueError("the form speaks of left or right, which needs a viewpoint")
    return viewpoint


def viewpoint_of(stance: Stance, room: Room) -> Viewpoint | None:
    """Where the speaker stands, at eye height, in the room's frame; None where it is not clear."""
    position = _spot(stance.origin, room)
    target = _spot(stance.toward, room)
    if position is None or target is None or math.dist(position[:2], target[:2]) < 1.0:
        return None
    return Viewpoint((position[0], position[1], EYE_HEIGHT_M), target)


def _spot(form: Form | None, room: Room) -> tuple[float, float, float] | None:
    if form is None:
        return (room.width / 2, room.depth / 2, room.height / 2)
    named = _named(form, room)
    return named[0][0].centre if len(named) == 1 and named[0][1] else None


Measure = tuple[Callable[[Furniture], float], float]
"""What is smallest for the extreme object, and by how much it must lead."""


def _extreme(
    superlative: Superlative, found: Judgement, room: Room, viewpoint: Viewpoint | None
) -> Judgement:
    """The one object that clearly leads; if none does, all that may lead are doubtful."""
    unclear = Judgement(frozenset(), found.certain | found.doubtful)
    if found.doubtful:
        return unclear
    pool = [item for item in room.furniture if item.object_id in found.certain]
    if not pool:
        return found
    measures = _measures(superlative, pool, room, viewpoint)
    winners = {_leader(measure, pool) for measure in measures} or {None}
    (winner,) = winners if len(winners) == 1 else (None,)
    return unclear if winner is None else Judgement(frozenset({winner}), frozenset())


def _leader(measure: Measure, pool: list[Furniture]) -> int | None:
    """The object whose measure is smallest by the margin."""
    score, margin = measure
    ranked = sorted((score(item), item.object_id) for item in pool)
    clear = len(ranked) == 1 or ranked[1][0] - ranked[0][0] >= margin
    return ranked[0][1] if clear else None


def _measures(
    superlative: Superlative, pool: list[Furniture], room: Room, viewpoint: Viewpoint | None
) -> tuple[Measure, ...]:
    """The measures in all of which the extreme object must lead; none where that is not defined."""
    match superlative.kind:
        case "largest" | "smallest":
            sign = -1 if superlative.kind == "largest" else 1
            return ((lambda item: sign * math.log(math.prod(item.extent)), math.log(_LARGER)),)
        case "tallest":
            return ((lambda item: -item.extent[2], _TALLER_M),)
        case "nearest" | "farthest":
            return _distances(superlative, room)
        case "leftmost" | "rightmost":
            sign = 1 if superlative.kind == "leftmost" else -1
            return _sideways(pool, _need(viewpoint), sign)


def _distances(superlative: Superlative, room: Room) -> tuple[Measure, ...]:
    if superlative.anchor is None:
        raise ValueError(f"{superlative.kind} needs an anchor to measure from")
    named = _named(superlative.anchor, room)
    if len(named) != 1 or not named[0][1]:
        return ()
    sign, anchor = (1 if superlative.kind == "nearest" else -1), named[0][0]
    return (
        (lambda item: sign * relations.gap(item, anchor), _NEARER_M),
        (lambda item: sign * relations.distance(item, anchor), _NEARER_M),
    )


def _sideways(pool: list[Furniture], viewpoint: Viewpoint, sign: int) -> tuple[Measure, ...]:
    """By metres and by angle; undefined when an object is beside or behind the viewer."""
    forward, rightward = relations.axes(viewpoint)

    def ahead_and_aside(item: Furniture) -> tuple[float, float]:
        offset = [item.centre[axis] - viewpoint.position[axis] for axis in (0, 1)]
        ahead = offset[0] * forward[0] + offset[1] * forward[1]
        return ahead, sign * (offset[0] * rightward[0] + offset[1] * rightward[1])

    def angle(item: Furniture) -> float:
        ahead, aside = ahead_and_aside(item)
        return math.degrees(math.atan2(aside, ahead))

    if min(ahead_and_aside(item)[0] for item in pool) < _AHEAD_M:
        return ()
    return ((lambda item: ahead_and_aside(item)[1], _MORE_SIDEWAYS_M), (angle, _MORE_SIDEWAYS_DEG))
