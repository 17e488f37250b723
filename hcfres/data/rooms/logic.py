"""The logical form of a sentence, and what it means in a room.

A form is a restricted noun: a class, what must hold of each object, at most one superlative over
those that are left, and how many are meant. Every judgement has three values; `judge` keeps the
objects that are too close to call apart.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hcfres.data.expression import Viewpoint
from hcfres.data.rooms import relations
from hcfres.data.rooms.relations import Truth
from hcfres.data.rooms.room import Furniture, Room

AttributeKind = Literal["colour", "pattern", "size", "shape"]
RelationKind = Literal["on", "under", "above", "next_to", "left_of", "right_of", "between"]
PlaceKind = Literal["corner", "against_wall", "on_wall", "middle"]
SuperlativeKind = Literal[
    "nearest", "farthest", "largest", "smallest", "tallest", "leftmost", "rightmost"
]

EYE_HEIGHT_M = 1.5
_LARGER = 1.3
"""A largest or smallest object differs from the next by this factor in volume."""
_TALLER_M = 0.15
_NEARER_M = 0.4
_MORE_SIDEWAYS_M = 0.4


@dataclass(frozen=True)
class Attribute:
    """What the object itself looks like."""

    kind: AttributeKind
    value: str


@dataclass(frozen=True)
class Placed:
    """Where in the room the object is."""

    place: PlaceKind


@dataclass(frozen=True)
class Related:
    """How the object stands to others: to one anchor, or for `between` to two."""

    relation: RelationKind
    anchors: tuple["Form", ...]


@dataclass(frozen=True)
class Negated:
    """What does not hold of the object."""

    constraint: Attribute | Placed | Related


Constraint = Attribute | Placed | Related | Negated


@dataclass(frozen=True)
class Superlative:
    """Which of the remaining objects is the extreme one."""

    kind: SuperlativeKind
    anchor: "Form | None" = None
    """What nearest and farthest are measured from."""


@dataclass(frozen=True)
class Form:
    """The meaning of a noun phrase."""

    label: str
    constraints: tuple[Constraint, ...] = ()
    superlative: Superlative | None = None
    number: int | None = 1
    """1: the only one; n: all n of them; None: all, however many."""


@dataclass(frozen=True)
class Stance:
    """Where the sentence says that the speaker stands; None is the middle of the room."""

    origin: Form | None
    toward: Form | None


@dataclass(frozen=True)
class Meaning:
    """What a whole sentence says."""

    form: Form
    stance: Stance | None = None
    """Given exactly when the form speaks of left or right."""


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
    certain, doubtful = set(), set()
    for item in room.furniture:
        if item.label != form.label:
            continue
        truth = relations.all_of(*(holds(c, item, room, viewpoint) for c in form.constraints))
        if truth is not False:
            (certain if truth else doubtful).add(item.object_id)
    found = Judgement(frozenset(certain), frozenset(doubtful))
    if form.superlative is not None:
        found = _extreme(form.superlative, found, room, viewpoint)
    if form.number is not None and form.number > 1 and len(found.certain) != form.number:
        return Judgement(frozenset(), found.doubtful)
    return found


def holds(
    constraint: Constraint, item: Furniture, room: Room, viewpoint: Viewpoint | None
) -> Truth:
    """Whether the constraint is true of the object."""
    match constraint:
        case Negated():
            return relations.none_of(holds(constraint.constraint, item, room, viewpoint))
        case Attribute():
            return _looks(constraint, item)
        case Placed():
            return _stands(constraint.place, item, room)
        case Related():
            return _relates(constraint, item, room, viewpoint)


def _looks(attribute: Attribute, item: Furniture) -> Truth:
    value: str = getattr(item, attribute.kind)
    if attribute.kind == "size" and "medium" in (value, attribute.value):
        return None if value != attribute.value else True
    return value == attribute.value


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


def _relates(
    related: Related, item: Furniture, room: Room, viewpoint: Viewpoint | None
) -> Truth:
    anchors = [_anchors(anchor, room) for anchor in related.anchors]
    if related.relation == "between":
        found = [ends for group in anchors for ends in group]
        if len(found) != 2:
            return False if len(found) < 2 else None
        return relations.between(item, found)
    truths = [_pair(related.relation, item, other, room, viewpoint) for other in anchors[0]]
    return relations.none_of(relations.all_of(*(relations.none_of(t) for t in truths)))


def _anchors(form: Form, room: Room) -> list[Furniture]:
    """The objects an anchor names; an anchor never speaks of left or right itself."""
    named = judge(form, room)
    return [item for item in room.furniture if item.object_id in named.certain | named.doubtful]


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


def _extreme(
    superlative: Superlative, found: Judgement, room: Room, viewpoint: Viewpoint | None
) -> Judgement:
    """The one object that clearly leads; if none does, all that may lead are doubtful."""
    ids = found.certain | found.doubtful
    pool = [item for item in room.furniture if item.object_id in ids]
    if len(pool) < 2 or found.doubtful:
        return found if not found.doubtful else Judgement(frozenset(), ids)
    for measure, margin in _measures(superlative, room, viewpoint):
        scores = {item.object_id: measure(item) for item in pool}
        ranked = sorted(scores, key=lambda number: scores[number])
        if scores[ranked[1]] - scores[ranked[0]] < margin:
            return Judgement(frozenset(), ids)
        ids = ids & {ranked[0]}
    return Judgement(ids, frozenset()) if ids else Judgement(frozenset(), found.certain)


Measure = tuple[Callable[[Furniture], float], float]
"""What is smallest for the extreme object, and by how much it must lead."""


def _measures(
    superlative: Superlative, room: Room, viewpoint: Viewpoint | None
) -> tuple[Measure, ...]:
    """The measures in all of which the extreme object must lead."""
    kind = superlative.kind
    if kind in ("nearest", "farthest"):
        if superlative.anchor is None:
            raise ValueError(f"{kind} needs an anchor to measure from")
        anchors = _anchors(superlative.anchor, room)
        if len(anchors) != 1:
            return ((lambda item: 0.0, 1.0),)
        return _distances(anchors[0], 1.0 if kind == "nearest" else -1.0)
    if kind in ("largest", "smallest"):
        sign = -1.0 if kind == "largest" else 1.0
        return ((lambda item: sign * _volume(item), 1.0),)
    if kind == "tallest":
        return ((lambda item: -item.extent[2], _TALLER_M),)
    sign = 1.0 if kind == "leftmost" else -1.0
    return ((_sideways(_need(viewpoint), sign), _MORE_SIDEWAYS_M),)
