"""The logical form of a sentence: a restricted noun, as values.

A form is a class, what must hold of each object, at most one superlative over those that are left,
and how many objects are meant.
"""

from dataclasses import dataclass
from typing import Literal

AttributeKind = Literal["colour", "pattern", "size", "shape"]
RelationKind = Literal["on", "under", "above", "next_to", "left_of", "right_of", "between"]
PlaceKind = Literal["corner", "against_wall", "on_wall", "middle"]
SuperlativeKind = Literal[
    "nearest", "farthest", "largest", "smallest", "tallest", "leftmost", "rightmost"
]


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


def plain(constraint: Constraint) -> Attribute | Placed | Related:
    """The constraint without its negation."""
    return constraint.constraint if isinstance(constraint, Negated) else constraint


def anchors_of(form: Form) -> tuple[Form, ...]:
    """The other objects that the form speaks of."""
    inner = [plain(constraint) for constraint in form.constraints]
    related = [anchor for c in inner if isinstance(c, Related) for anchor in c.anchors]
    measured = form.superlative.anchor if form.superlative else None
    return (*related, *([measured] if measured else []))


def needs_viewpoint(form: Form) -> bool:
    """Whether the form speaks of left or right."""
    sided = ("left_of", "right_of")
    inner = [plain(constraint) for constraint in form.constraints]
    if any(isinstance(c, Related) and c.relation in sided for c in inner):
        return True
    return form.superlative is not None and form.superlative.kind in ("leftmost", "rightmost")
