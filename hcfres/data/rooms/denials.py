"""Zero-target meanings: a true one with one thing changed, so that nothing in the room fits."""

import random
from dataclasses import replace

from hcfres.data.rooms.catalogue import KINDS, LABELS, allowed_colours
from hcfres.data.rooms.forms import (
    Attribute,
    Constraint,
    Form,
    Negated,
    Placed,
    Related,
    anchors_of,
    needs_viewpoint,
)
from hcfres.data.rooms.logic import judge, viewpoint_of
from hcfres.data.rooms.proposals import Draft, anchor, sayable, shuffled
from hcfres.data.rooms.room import Room
from hcfres.data.rooms.seeds import Split
from hcfres.data.rooms.words import PATTERNS, alike_colours, confusable

_WALL = frozenset({"picture", "window", "door", "curtain", "whiteboard"})
_SMALL = frozenset({"pillow", "lamp", "monitor", "box", "plant", "backpack"})
_TOPS = frozenset({"table", "desk", "cabinet", "bookshelf", "nightstand", "bed", "couch", "chair"})
_ANCHORS = {"on": _TOPS, "under": _WALL | {"table", "desk"}, "above": frozenset(LABELS) - _WALL}
"""What an object can be on, under or above; the other relations are open to every class."""
_LOW = frozenset({"box", "trash can", "backpack", "stool", "chair"})


def deny_class(draft: Draft, room: Room, split: Split, rng: random.Random) -> Draft | None:
    """The meaning said of a class that the room lacks (and that nothing there is mistaken for)."""
    form = draft.meaning.form
    absent = _absent(room)
    if not absent:
        return None
    label = rng.choice(absent)
    told = tuple(_fitted(constraint, label, split, rng) for constraint in form.constraints)
    if not all(_plausible(constraint, label) for constraint in told):
        return None
    kept = tuple(constraint for constraint in told if constraint is not None)
    return _denied(draft, replace(form, label=label, constraints=kept), room)


def deny_detail(draft: Draft, room: Room, split: Split, rng: random.Random) -> Draft | None:
    """The meaning with one detail changed, said of a class that the room has."""
    form = draft.meaning.form
    if not form.constraints:
        colour = _other_colour("", form.label, split, rng)
        told: tuple[Constraint | None, ...] = (colour,) if colour else ()
    else:
        place = rng.randrange(len(form.constraints))
        changed = _changed(form.constraints[place], form.label, room, split, rng)
        told = tuple(
            changed if number == place else constraint
            for number, constraint in enumerate(form.constraints)
            if number != place or changed is not None
        )
    return _denied(draft, replace(form, constraints=told), room)  # type: ignore[arg-type]


def _absent(room: Room) -> list[str]:
    """Classes the room lacks; those people would mistake something here for are left out."""
    here = {item.label for item in room.furniture}
    return [label for label in LABELS if label not in here and not confusable(label) & here]


def _denied(draft: Draft, form: Form, room: Room) -> Draft | None:
    """The draft with the new form, if clearly nothing fits it, whatever the number."""
    if not (sayable(form) and all(_names_at_most_one(other, room) for other in anchors_of(form))):
        return None
    stance = draft.meaning.stance
    if (stance is not None) != needs_viewpoint(form):
        return None
    viewpoint = viewpoint_of(stance, room) if stance else None
    if stance is not None and viewpoint is None:
        return None
    bare = replace(form, number=None)
    for variant in (bare, *_mistakable(bare)):
        found = judge(variant, room, viewpoint)
        if found.certain or found.doubtful:
            return None
    return Draft(replace(draft.meaning, form=form), viewpoint, ())


def _names_at_most_one(form: Form, room: Room) -> bool:
    found = judge(form, room)
    return not found.doubtful and len(found.certain) <= (form.number or 1)


def _mistakable(form: Form) -> list[Form]:
    """The forms that a person may hear in this one: a colour taken for one like it."""
    variants = []
    for place, told in enumerate(form.constraints):
        if not (isinstance(told, Attribute) and told.kind == "colour"):
            continue
        for colour in sorted(alike_colours(told.value)):
            swapped = (*form.constraints[:place], Attribute("colour", colour))
            variants.append(replace(form, constraints=swapped + form.constraints[place + 1 :]))
    return variants


def _other_colour(value: str, label: str, split: Split, rng: random.Random) -> Attribute | None:
    colours = [colour for colour in allowed_colours(label, split) if colour != value]
    told = KINDS[label].colour_told and colours
    return Attribute("colour", rng.choice(colours)) if told else None


def _fitted(
    constraint: Constraint, label: str, split: Split, rng: random.Random
) -> Constraint | None:
    """The constraint as it may be said of the class; None where it may not."""
    if not isinstance(constraint, Attribute):
        return constraint if not isinstance(constraint, Negated) else None
    kind = KINDS[label]
    match constraint.kind:
        case "colour":
            usual = kind.colour_told and constraint.value in allowed_colours(label, split)
            return constraint if usual else _other_colour("", label, split, rng)
        case "pattern":
            return constraint if kind.patterned else None
        case "shape":
            shapes = [shape for shape in kind.shapes if shape]
            return Attribute("shape", rng.choice(shapes)) if shapes else None
        case _:
            return constraint


def _plausible(constraint: Constraint | None, label: str) -> bool:
    """Whether the class could be there at all: a bed is never said to be on the desk."""
    match constraint:
        case Related(relation="on"):
            return label in _SMALL
        case Related(relation="under"):
            return label in _LOW
        case Related(relation="above") | Placed(place="on_wall"):
            return label in _WALL
        case Placed():
            return label not in _WALL
        case _:
            return True


def _changed(
    constraint: Constraint, label: str, room: Room, split: Split, rng: random.Random
) -> Constraint | None:
    """Another constraint of the same sort."""
    match constraint:
        case Attribute():
            return _repainted(constraint, label, split, rng)
        case Placed(place=place):
            return Placed("middle" if place == "corner" else "corner")
        case Related():
            return _elsewhere(constraint, label, room, rng)
        case _:
            return None


def _repainted(
    attribute: Attribute, label: str, split: Split, rng: random.Random
) -> Attribute | None:
    """Another colour, pattern, size or shape that the class may have."""
    if attribute.kind == "colour":
        return _other_colour(attribute.value, label, split, rng)
    if attribute.kind == "size":
        return Attribute("size", "small" if attribute.value == "large" else "large")
    every = PATTERNS if attribute.kind == "pattern" else KINDS[label].shapes
    others = [value for value in every if value not in (attribute.value, "plain", "")]
    return Attribute(attribute.kind, rng.choice(others)) if others else None


def _elsewhere(related: Related, label: str, room: Room, rng: random.Random) -> Constraint | None:
    """The relation to another object, the opposite side, or an anchor that is not there."""
    opposite = {"left_of": "right_of", "right_of": "left_of"}
    if related.relation in opposite:
        return replace(related, relation=opposite[related.relation])  # type: ignore[arg-type]
    anchors = _ANCHORS.get(related.relation, frozenset(LABELS))
    absent = [name for name in _absent(room) if name in anchors]
    if absent and rng.random() < 0.1 and len(related.anchors) == 1:
        return replace(related, anchors=(Form(rng.choice(absent)),))
    possible = [item for item in room.furniture if item.label in anchors]
    alike = [item for item in possible if item.label in {a.label for a in related.anchors}]
    for item in shuffled(alike if rng.random() < 0.4 else possible, rng):
        form = anchor(item, room, rng)
        if form is not None and form not in related.anchors:
            return replace(related, anchors=(form, *related.anchors[1:]))
    return None
