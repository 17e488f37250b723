"""Noun and relation phrases: from a logical form to words, with the spans of what is named."""

import random
from dataclasses import dataclass, replace

from hcfres.data.expression import Entity, Role
from hcfres.data.rooms import words
from hcfres.data.rooms.forms import (
    Attribute,
    Constraint,
    Form,
    Negated,
    Placed,
    Related,
    Stance,
    Superlative,
)
from hcfres.data.rooms.logic import evaluate
from hcfres.data.rooms.room import Room


@dataclass(frozen=True)
class Phrase:
    """Some words and the entities they name, spans counted from the phrase's first character."""

    text: str
    entities: tuple[Entity, ...] = ()

    def __add__(self, other: "Phrase | str") -> "Phrase":
        """The two, one right after the other."""
        if isinstance(other, str):
            return replace(self, text=self.text + other)
        shift = len(self.text)
        moved = tuple(
            replace(entity, start=entity.start + shift, end=entity.end + shift)
            for entity in other.entities
        )
        return Phrase(self.text + other.text, self.entities + moved)

    def naming(self, object_ids: tuple[int, ...], role: Role) -> "Phrase":
        """The phrase as a whole, naming these objects."""
        whole = Entity(0, len(self.text), object_ids, role)
        return replace(self, entities=(whole, *self.entities))


def joined(phrases: list[Phrase], glue: str) -> Phrase:
    """The phrases in order with the glue between them."""
    whole = phrases[0]
    for phrase in phrases[1:]:
        whole = whole + glue + phrase
    return whole


_ORDER = {"size": 0, "shape": 1, "colour": 2, "pattern": 3}
_LEXICON = {
    "colour": words.COLOURS,
    "pattern": words.PATTERNS,
    "size": words.SIZES,
    "shape": words.SHAPES,
}
_BEFORE = {
    "largest": ("largest", "biggest"),
    "smallest": ("smallest", "littlest"),
    "tallest": ("tallest",),
    "leftmost": ("leftmost",),
    "rightmost": ("rightmost",),
}
_AFTER = {
    "nearest": ("closest to", "nearest to"),
    "farthest": ("farthest from", "furthest from", "farthest away from"),
}
_RELATIONS = {
    "on": ("on", "on top of", "lying on", "resting on", "placed on"),
    "under": ("under", "below", "beneath", "underneath"),
    "above": ("above", "over", "hanging above"),
    "next_to": ("next to", "beside", "close to", "near", "right by", "adjacent to"),
    "left_of": ("left of", "to the left of", "to the left side of"),
    "right_of": ("right of", "to the right of", "to the right side of"),
    "between": ("between", "in between"),
}
_PLACES = {
    "corner": ("in the corner", "in a corner of the room", "standing in the corner of the room"),
    "against_wall": ("against the wall", "along the wall", "at the wall", "by the wall"),
    "on_wall": ("on the wall", "hanging on the wall"),
    "middle": ("in the middle of the room", "in the center of the room"),
}


class Speaker:
    """Says forms about one room, choosing among synonyms at random."""

    def __init__(self, room: Room, rng: random.Random) -> None:
        self.room = room
        self.rng = rng

    def noun(self, form: Form) -> str:
        """The bare class word, in the form's number; the usual word more often."""
        choices = words.nouns(form.label)
        usual = len(choices) == 1 or self.rng.random() < 0.6
        noun = choices[0] if usual else self.rng.choice(choices[1:])
        return noun if form.number == 1 else words.plural(noun)

    def adjectives(self, form: Form) -> list[str]:
        """The form's attributes as adjectives: size, shape, colour, pattern."""
        told = [c for c in form.constraints if isinstance(c, Attribute)]
        return [self.adjective(one) for one in sorted(told, key=lambda c: _ORDER[c.kind])]

    def adjective(self, attribute: Attribute) -> str:
        """One attribute as an adjective."""
        choices = _LEXICON[attribute.kind][attribute.value]
        return choices[0] if self.rng.random() < 0.75 else self.rng.choice(choices)

    def head(self, form: Form, with_adjectives: bool = True) -> str:
        """Superlative, adjectives and noun, without a determiner: `largest red chair`."""
        first = []
        if form.superlative and form.superlative.kind in _BEFORE:
            first = [self.rng.choice(_BEFORE[form.superlative.kind])]
        middle = self.adjectives(form) if with_adjectives else []
        return " ".join([*first, *middle, self.noun(form)])

    def definite(self, form: Form, with_adjectives: bool = True) -> str:
        """`the red chair`, `both red chairs`, `the three red chairs`, `all the red chairs`."""
        return f"{self._determiner(form)} {self.head(form, with_adjectives)}"

    def _determiner(self, form: Form) -> str:
        if form.number == 1:
            return "the"
        if form.number is None:
            return self.rng.choice(("all the", "all", "all of the"))
        if form.number == 2:
            return self.rng.choice(("both", "the two", "both of the"))
        counted = words.NUMBERS[form.number]
        return self.rng.choice((f"the {counted}", f"all {counted}"))

    def indefinite(self, form: Form, with_adjectives: bool = True) -> str:
        """`a red chair`, `three red chairs`, `several red chairs`; a superlative stays definite."""
        head = self.head(form, with_adjectives)
        if form.superlative:
            return f"the {head}"
        if form.number == 1:
            return f"{words.article(head)} {head}"
        if form.number is None:
            return f"{self.rng.choice(('some', 'several'))} {head}"
        return f"{words.NUMBERS[form.number]} {head}"

    def anchor(self, form: Form, role: Role = "anchor") -> Phrase:
        """Another object, marked with what it denotes."""
        number = f"two {self.head(form)}" if form.number == 2 else self.head(form)
        ids = tuple(sorted(evaluate(form, self.room)))
        return Phrase("the ") + Phrase(number).naming(ids, role)

    def post(self, constraint: Constraint | Superlative, after_be: bool) -> Phrase:
        """What follows the noun; `after_be` when a form of `to be` stands before it."""
        match constraint:
            case Superlative(kind=kind, anchor=Form() as anchor):
                return Phrase(self.rng.choice(_AFTER[kind]) + " ") + self.anchor(anchor)
            case Negated():
                start = "not " if after_be else "@ not "  # @: `that is` or `that are`
                return Phrase(start) + self.post(constraint.constraint, True)
            case Attribute():
                return Phrase(self.adjective(constraint))
            case Placed():
                return Phrase(self.rng.choice(_PLACES[constraint.place]))
            case Related():
                words_of = Phrase(self.rng.choice(_RELATIONS[constraint.relation]) + " ")
                return words_of + joined([self.anchor(one) for one in constraint.anchors], " and ")
        raise ValueError(f"{constraint} is not said after the noun")

    def posts(self, form: Form, after_be: bool) -> list[Phrase]:
        """Everything that is said after the noun, in random order; negations last."""
        told: list[Constraint | Superlative] = [
            c for c in form.constraints if not isinstance(c, Attribute)
        ]
        self.rng.shuffle(told)
        told.sort(key=lambda c: isinstance(c, Negated))
        if form.superlative and form.superlative.kind in _AFTER:
            told.append(form.superlative)
        that = "that is" if form.number == 1 else "that are"
        said = [self.post(one, after_be) for one in told]
        return [
            Phrase(that) + _without_first(phrase) if phrase.text.startswith("@") else phrase
            for phrase in said
        ]

    def view(self, stance: Stance) -> Phrase:
        """Where the speaker stands: `seen from the door`, `standing at the door facing ...`."""
        toward = self.anchor(stance.toward) if stance.toward else Phrase("the room")
        if stance.origin is None:
            return Phrase("standing in the middle of the room facing ") + toward
        origin = self.anchor(stance.origin, "other")
        if self.rng.random() < 0.6:
            seen = self.rng.choice(("seen from", "as seen from", "viewed from", "looking from"))
            return Phrase(seen + " ") + origin
        standing = self.rng.choice(("standing at", "when standing by", "from"))
        faces = self.rng.choice((" looking at ", " facing "))
        return Phrase(standing + " ") + origin + faces + toward


def _without_first(phrase: Phrase) -> Phrase:
    moved = tuple(
        replace(entity, start=entity.start - 1, end=entity.end - 1) for entity in phrase.entities
    )
    return Phrase(phrase.text[1:], moved)
