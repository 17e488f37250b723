"""True things to say about an object of a room: random logical forms that hold of it clearly."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from hcfres.data.expression import Viewpoint
from hcfres.data.rooms import relations
from hcfres.data.rooms.catalogue import KINDS
from hcfres.data.rooms.forms import (
    Attribute,
    Constraint,
    Form,
    Meaning,
    Negated,
    Placed,
    Related,
    Stance,
    Superlative,
    SuperlativeKind,
    needs_viewpoint,
    plain,
)
from hcfres.data.rooms.logic import holds, judge, viewpoint_of
from hcfres.data.rooms.room import Furniture, Room

T = TypeVar("T")

MOST_COUNTED = 6
"""More objects than this are not counted in words."""


@dataclass(frozen=True)
class Draft:
    """A meaning and what it denotes in its room, beyond doubt."""

    meaning: Meaning
    viewpoint: Viewpoint | None
    """In the room's frame."""
    targets: tuple[int, ...]


Aspect = Callable[[Furniture, Room, random.Random], Iterator[Constraint | Superlative]]
"""All that may be said of an object in one respect, in random order."""


def attributes(item: Furniture) -> list[Attribute]:
    """The words for the object's look; a class whose colour is not told has none."""
    told = [Attribute("colour", item.colour)] if KINDS[item.label].colour_told else []
    if item.pattern != "plain":
        told.append(Attribute("pattern", item.pattern))
    if item.size != "medium":
        told.append(Attribute("size", item.size))
    if item.shape:
        told.append(Attribute("shape", item.shape))
    return told


def anchor(item: Furniture, room: Room, rng: random.Random) -> Form | None:
    """A short form that denotes this object alone, or None."""
    told = attributes(item)
    rng.shuffle(told)
    ways: list[tuple[Attribute, ...]] = [(), *((one,) for one in told)]
    ways += [(first, second) for first in told for second in told if first.kind < second.kind]
    if told and rng.random() < 0.25:
        ways = ways[1:]
    for way in ways:
        form = Form(item.label, way)
        found = judge(form, room)
        if found.certain == {item.object_id} and not found.doubtful:
            return form
    return None


def shuffled(values: Sequence[T], rng: random.Random) -> list[T]:
    """The values in random order; the argument stays as it is."""
    return rng.sample(list(values), len(values))


def _look(item: Furniture, room: Room, rng: random.Random) -> Iterator[Constraint]:
    yield from shuffled(attributes(item), rng)


def _colour(item: Furniture, room: Room, rng: random.Random) -> Iterator[Constraint]:
    yield from (told for told in attributes(item) if told.kind == "colour")


def _pattern(item: Furniture, room: Room, rng: random.Random) -> Iterator[Constraint]:
    yield from (told for told in attributes(item) if told.kind == "pattern")


def _place(item: Furniture, room: Room, rng: random.Random) -> Iterator[Constraint]:
    # A picture's being on the wall says nothing, so the wall is told rarely.
    places = [Placed("corner"), Placed("against_wall"), Placed("middle")]
    wall = [Placed("on_wall")] if item.label in ("picture", "whiteboard") else []
    for place in shuffled([*places, *wall], rng):
        if holds(place, item, room, None):
            yield place


def _relation(item: Furniture, room: Room, rng: random.Random) -> Iterator[Constraint]:
    for other in shuffled(room.furniture, rng):
        if relations.gap(item, other) > 0.5:
            continue
        kinds = [
            *(["on"] if item.rests_on == other.object_id else []),
            *(["under"] if relations.under(item, other) else []),
            *(["above"] if relations.above(item, other) else []),
            *(["next_to"] if relations.next_to(item, other) else []),
        ]
        if kinds and (form := anchor(other, room, rng)):
            yield Related(rng.choice(kinds), (form,))  # type: ignore[arg-type]


def _side(item: Furniture, room: Room, rng: random.Random) -> Iterator[Constraint]:
    for other in shuffled(room.furniture, rng)[:8]:
        if other.object_id != item.object_id and (form := anchor(other, room, rng)):
            yield Related(rng.choice(("left_of", "right_of")), (form,))


def _between(item: Furniture, room: Room, rng: random.Random) -> Iterator[Constraint]:
    others = shuffled(room.furniture, rng)[:9]
    for first in others:
        for second in others:
            if first.object_id >= second.object_id or first.on_wall != second.on_wall:
                continue
            if not relations.between(item, (first, second)):
                continue
            twin = Form(first.label, number=2)
            pair = {first.object_id, second.object_id}
            if first.label == second.label and judge(twin, room).certain == pair:
                yield Related("between", (twin,))
            elif (one := anchor(first, room, rng)) and (two := anchor(second, room, rng)):
                yield Related("between", (one, two))


def _negated(item: Furniture, room: Room, rng: random.Random) -> Iterator[Constraint]:
    same = [other for other in room.furniture if other.label == item.label]
    for other in shuffled(same, rng):
        for told in attributes(other):
            if told.kind in ("colour", "pattern") and getattr(item, told.kind) != told.value:
                yield Negated(told)


def _superlative(item: Furniture, room: Room, rng: random.Random) -> Iterator[Superlative]:
    for other in shuffled(room.furniture, rng)[:6]:
        if other.label != item.label and (form := anchor(other, room, rng)):
            near: list[SuperlativeKind] = ["nearest", "nearest", "farthest"]
            yield Superlative(rng.choice(near), form)
    kinds: tuple[SuperlativeKind, ...] = ("largest", "smallest", "tallest", "leftmost", "rightmost")
    yield from (Superlative(kind) for kind in shuffled(kinds, rng))


_ASPECTS: tuple[tuple[Aspect, float], ...] = (
    (_colour, 6.0),
    (_pattern, 3.5),
    (_look, 1.6),
    (_place, 1.4),
    (_relation, 7.0),
    (_side, 3.4),
    (_between, 0.8),
    (_negated, 0.3),
    (_superlative, 1.4),
)


def propose(item: Furniture, room: Room, rng: random.Random) -> Draft | None:
    """A random meaning that includes the object, or None where this try gave none."""
    said: list[Constraint] = []
    superlative: Superlative | None = None
    amount = rng.choices((0, 1, 2, 3), (0.04, 0.32, 0.44, 0.2))[0]
    for aspect in rng.choices(*zip(*_ASPECTS, strict=True), k=amount):
        found = next(iter(aspect(item, room, rng)), None)
        if isinstance(found, Superlative):
            superlative = found
        elif found is not None:
            said.append(found)
    form = Form(item.label, tuple(said), superlative, number=None)
    return settle(form, item, room, rng) if sayable(form) else None


def sayable(form: Form) -> bool:
    """Whether the form can be said without an ambiguity of attachment, and says nothing twice."""
    inner = [plain(constraint) for constraint in form.constraints]
    looks = [c.kind for c in inner if isinstance(c, Attribute)]
    posts = [c for c in form.constraints if not isinstance(c, Attribute)]
    places = [c for c in inner if isinstance(c, Placed)]
    kinds = [c.relation for c in inner if isinstance(c, Related)]
    sided = [kind for kind in kinds if kind in ("left_of", "right_of")]
    return (
        len(set(looks)) == len(looks)
        and len(set(kinds)) == len(kinds)
        and len(posts) <= (0 if form.superlative else 2)
        and len(places) <= 1
        and len(sided) <= 1
        and ("between" not in kinds or len(posts) == 1)
    )


def settle(form: Form, item: Furniture, room: Room, rng: random.Random) -> Draft | None:
    """The form with a place to stand and a number, if it denotes the object beyond doubt."""
    stance = _stance(form, room, rng) if needs_viewpoint(form) else None
    viewpoint = viewpoint_of(stance, room) if stance else None
    if needs_viewpoint(form) and viewpoint is None:
        return None
    found = judge(form, room, viewpoint)
    if found.doubtful or item.object_id not in found.certain:
        return None
    if form.superlative and len(judge(replace(form, superlative=None), room).certain) < 2:
        return None
    counted = len(found.certain) <= MOST_COUNTED and rng.random() < 0.5
    number = len(found.certain) if counted or len(found.certain) == 1 else None
    meaning = Meaning(replace(form, number=number), stance)
    return Draft(meaning, viewpoint, tuple(sorted(found.certain)))


def _stance(form: Form, room: Room, rng: random.Random) -> Stance | None:
    """A place to stand that the sentence can name: an object of the room, or its middle."""
    inner = (plain(constraint) for constraint in form.constraints)
    sided = [c for c in inner if isinstance(c, Related) and c.relation in ("left_of", "right_of")]
    toward = sided[0].anchors[0] if sided else None
    if toward is not None and rng.random() < 0.35:
        return Stance(None, toward)
    doors = [item for item in room.furniture if item.label == "door"]
    others = [item for item in room.furniture if item.label in ("bed", "window", "desk", "couch")]
    for item in [*doors, *shuffled(others, rng)] if rng.random() < 0.6 else shuffled(others, rng):
        origin = anchor(item, room, rng)
        if origin is not None and origin != toward:
            return Stance(origin, toward)
    return None
