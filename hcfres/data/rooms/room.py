"""A synthetic room as a value: what stands where. Everything else is computed from it."""

from dataclasses import dataclass
from typing import Literal

Colour = Literal[
    "white", "black", "gray", "red", "green", "blue", "yellow", "orange", "brown", "purple", "pink"
]
Pattern = Literal["plain", "striped", "dotted", "checkered"]
Size = Literal["small", "medium", "large"]
Shape = Literal["round", "square", "rectangular", "tall", "low", ""]


@dataclass(frozen=True)
class Furniture:
    """One object of a room."""

    object_id: int
    label: str
    """ScanNet's raw category, e.g. `chair`, `trash can`."""
    colour: Colour
    pattern: Pattern
    """Seen in the images, averaged away in the vertex colours."""
    size: Size
    """Relative to other objects of the same label anywhere, not only in this room."""
    shape: Shape
    """Empty where the label has one shape only."""
    centre: tuple[float, float, float]
    """Of the bounding box, metres, the room's frame (+z up, floor at z = 0)."""
    extent: tuple[float, float, float]
    """Of the axis-aligned bounding box, metres."""
    heading: float
    """Radians about +z; the front looks along (cos, sin)."""
    rests_on: int | None
    """object_id of the supporter; None for the floor or the wall."""
    on_wall: bool
    """Hangs on a wall (picture, window, door, whiteboard)."""


@dataclass(frozen=True)
class Room:
    """A furnished box with one corner of the floor at the origin."""

    scene_id: str
    seed: int
    width: float
    """Along x, metres."""
    depth: float
    """Along y, metres."""
    height: float
    furniture: tuple[Furniture, ...]
    """Ordered by object_id, 0..n-1; walls and floor come after them in the annotation."""
