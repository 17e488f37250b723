"""What a piece of furniture of each class may be: its sizes, shapes, colours and patterns."""

from dataclasses import dataclass, field

import numpy as np

from hcfres.data.rooms.room import Colour, Pattern, Shape, Size
from hcfres.data.rooms.seeds import Split, held_out

ALL: tuple[Colour, ...] = (
    "white", "black", "gray", "red", "green", "blue", "yellow", "orange", "brown", "purple", "pink",
)  # fmt: skip
HARD: tuple[Colour, ...] = ("white", "black", "gray", "brown", "red", "green", "blue", "yellow")

SIZES: dict[Size, float] = {"small": 0.8, "medium": 1.0, "large": 1.22}
"""Factor on a class's ordinary extent."""
_SIZE_JITTER = 0.04
_HELD_OUT_CHANCE = 0.3

Extent = tuple[float, float, float]


@dataclass(frozen=True)
class Kind:
    """One furniture class."""

    label: str
    """ScanNet's raw category."""
    nyu40: int
    shapes: dict[Shape, Extent]
    """Ordinary depth (front to back), width and height of each shape, metres."""
    colours: tuple[Colour, ...] = ALL
    patterned: float = 0.0
    """Chance of a pattern other than plain."""
    grows: tuple[bool, bool, bool] = (True, True, True)
    """Which of depth, width and height follow the size."""
    colour_told: bool = True
    """Whether the colour is that of most of its surface, so that a sentence may name it."""
    aspect: float = 0.0
    """Largest relative change of each extent besides the size."""


def _kind(label: str, nyu40: int, *shapes: tuple[Shape, Extent], **traits: object) -> Kind:
    return Kind(label, nyu40, dict(shapes), **traits)  # type: ignore[arg-type]


KINDS: dict[str, Kind] = {
    kind.label: kind
    for kind in (
        _kind("chair", 5, ("", (0.50, 0.46, 0.90)), patterned=0.3),
        _kind(
            "table", 7,
            ("round", (1.05, 1.05, 0.74)), ("square", (0.95, 0.95, 0.74)),
            ("rectangular", (0.85, 1.50, 0.74)),
            grows=(True, True, False),
        ),
        _kind("desk", 14, ("", (0.65, 1.30, 0.75)), colours=HARD, grows=(True, True, False)),
        _kind("couch", 6, ("", (0.88, 1.75, 0.80)), patterned=0.35, grows=(False, True, False)),
        _kind("cabinet", 3, ("tall", (0.45, 0.85, 1.70)), ("low", (0.45, 0.95, 0.80))),
        _kind("bookshelf", 10, ("tall", (0.32, 0.85, 1.75)), ("low", (0.32, 0.95, 0.90)),
              colours=HARD),
        _kind("bed", 4, ("", (2.00, 1.40, 0.95)), patterned=0.45, grows=(False, True, False)),
        _kind("pillow", 18, ("", (0.34, 0.46, 0.14)), patterned=0.5),
        _kind("lamp", 35, ("tall", (0.36, 0.36, 1.45)), ("low", (0.26, 0.26, 0.44)),
              patterned=0.25),
        _kind("monitor", 40, ("", (0.18, 0.54, 0.42)), colours=("black", "gray", "white"),
              colour_told=False),
        _kind("trash can", 39, ("round", (0.30, 0.30, 0.38)), ("rectangular", (0.24, 0.36, 0.40)),
              patterned=0.2),
        _kind(
            "picture", 11, ("square", (0.03, 0.52, 0.52)), ("rectangular", (0.03, 0.80, 0.52)),
            grows=(False, True, True), patterned=0.25,
        ),
        _kind("window", 9, ("", (0.06, 1.10, 1.05)), colours=("white", "brown", "black"),
              grows=(False, True, True), colour_told=False),
        _kind("door", 8, ("", (0.06, 0.88, 2.02)), colours=HARD, grows=(False, True, False)),
        _kind("curtain", 16, ("", (0.12, 0.62, 1.85)), patterned=0.5, grows=(False, True, False)),
        _kind("nightstand", 32, ("", (0.42, 0.48, 0.52)), colours=HARD),
        _kind("refrigerator", 24, ("", (0.66, 0.68, 1.65)),
              colours=("white", "gray", "black", "red", "blue")),
        _kind("box", 29, ("", (0.36, 0.46, 0.34)), patterned=0.3, aspect=0.15),
        _kind("whiteboard", 30, ("", (0.05, 1.35, 0.90)), colours=("white",),
              grows=(False, True, True), colour_told=False),
        _kind("plant", 40, ("tall", (0.52, 0.52, 1.15)), ("low", (0.34, 0.34, 0.50)),
              colours=("green",), colour_told=False),
        _kind("backpack", 40, ("", (0.24, 0.34, 0.46)), patterned=0.25),
        _kind("stool", 40, ("round", (0.36, 0.36, 0.50)), ("square", (0.36, 0.36, 0.50)),
              patterned=0.2),
    )
}  # fmt: skip
"""Every class by its label. Walls and floor are annotated too, but are not furniture."""

LABELS = tuple(KINDS)
STRUCTURE: dict[str, int] = {"wall": 1, "floor": 2}
"""nyu40 of the annotated surfaces that are no furniture."""


@dataclass(frozen=True)
class Piece:
    """A piece of furniture before it has a place."""

    label: str
    colour: Colour
    pattern: Pattern
    size: Size
    shape: Shape
    extent: Extent
    """Depth, width and height in its own frame, metres."""


@dataclass(frozen=True)
class Wish:
    """What a drawn piece must be; None leaves it to chance."""

    colour: Colour | None = None
    pattern: Pattern | None = None
    size: Size | None = None
    shape: Shape | None = None
    extent: Extent | None = field(default=None)
    """Ordinary extent in place of the shape's."""


def allowed_colours(label: str, split: Split) -> tuple[Colour, ...]:
    """List the colours this class may have in rooms of this split."""
    colours = KINDS[label].colours
    if split == "val" or not KINDS[label].colour_told:
        return colours
    return tuple(colour for colour in colours if not held_out(label, colour))


def draw_colour(label: str, split: Split, rng: np.random.Generator) -> Colour:
    """Draw a colour; in validation rooms the held-out ones come often."""
    colours = allowed_colours(label, split)
    novel = [c for c in colours if KINDS[label].colour_told and held_out(label, c)]
    if novel and rng.random() < _HELD_OUT_CHANCE:
        return novel[rng.integers(len(novel))]
    return colours[rng.integers(len(colours))]


def _draw_pattern(kind: Kind, rng: np.random.Generator) -> Pattern:
    patterns: tuple[Pattern, ...] = ("striped", "dotted", "checkered")
    return patterns[rng.integers(3)] if rng.random() < kind.patterned else "plain"


def _draw_size(rng: np.random.Generator) -> Size:
    sizes: tuple[Size, ...] = ("small", "medium", "large")
    return sizes[int(rng.choice(3, p=(0.27, 0.46, 0.27)))]


def draw_piece(
    label: str, split: Split, rng: np.random.Generator, wish: Wish | None = None
) -> Piece:
    """Draw one piece of a class; every trait the wish names is kept."""
    kind, wish = KINDS[label], wish or Wish()
    shapes = tuple(kind.shapes)
    shape = wish.shape or shapes[rng.integers(len(shapes))]
    size = wish.size or _draw_size(rng)
    factor = SIZES[size] * (1 + rng.uniform(-_SIZE_JITTER, _SIZE_JITTER))
    stretch = 1 + rng.uniform(-kind.aspect, kind.aspect, 3)
    ordinary = wish.extent or kind.shapes[shape]
    extent = [
        length * float(stretch[axis]) * (factor if kind.grows[axis] else 1.0)
        for axis, length in enumerate(ordinary)
    ]
    return Piece(
        label=label,
        colour=wish.colour or draw_colour(label, split, rng),
        pattern=wish.pattern or _draw_pattern(kind, rng),
        size=size,
        shape=shape,
        extent=(extent[0], extent[1], extent[2]),
    )
