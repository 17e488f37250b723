"""A room being furnished: what stands where so far, and whether another piece fits."""

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from hcfres.data.rooms.catalogue import Piece
from hcfres.data.rooms.room import Furniture, Room
from hcfres.data.rooms.solids import Box, solids, turned

_GAP_M = 0.012
"""Furniture keeps this distance from furniture it does not rest on."""
_TOUCH_M = 0.003


def bounding_extent(piece: Piece, heading: float) -> tuple[float, float, float]:
    """Give the extent of the axis-aligned box around the turned piece."""
    c, s = abs(math.cos(heading)), abs(math.sin(heading))
    d, w, h = piece.extent
    return c * d + s * w, s * d + c * w, h


def place(
    piece: Piece,
    position: tuple[float, float, float],
    heading: float,
    rests_on: int | None = None,
    on_wall: bool = False,
) -> Furniture:
    """Put a piece somewhere: `position` is the middle of its underside. Its id comes later."""
    extent = bounding_extent(piece, heading)
    x, y, z = position
    return Furniture(
        object_id=-1,
        label=piece.label,
        colour=piece.colour,
        pattern=piece.pattern,
        size=piece.size,
        shape=piece.shape,
        centre=(float(x), float(y), float(z + extent[2] / 2)),
        extent=(float(extent[0]), float(extent[1]), float(extent[2])),
        heading=float(math.remainder(heading, 2 * math.pi)),
        rests_on=rests_on,
        on_wall=on_wall,
    )


def overlaps(
    first: Float[np.ndarray, "n 6"],
    second: Float[np.ndarray, "m 6"],
    margin: Float[np.ndarray, " m"] | float,
) -> bool:
    """Tell whether a box of one set comes nearer than `margin` to a box of the other."""
    gap = np.broadcast_to(np.asarray(margin, dtype=np.float64), len(second))[:, None]
    above = first[:, None, :3] >= second[:, 3:] + gap
    below = first[:, None, 3:] <= second[:, :3] - gap
    return not bool((above | below).any(axis=2).all())


class Plan:
    """The furniture placed so far; `add` is the only way in and never lets two things overlap."""

    def __init__(self, width: float, depth: float, height: float, limit: int) -> None:
        self.width, self.depth, self.height = width, depth, height
        self.limit = limit
        self.furniture: list[Furniture] = []
        self._solid = np.zeros((0, 6))
        self._owner = np.zeros(0, np.int64)
        self._clear = np.zeros((0, 6))

    @property
    def full(self) -> bool:
        """Whether the room has as many objects as it may."""
        return len(self.furniture) >= self.limit

    def keep_clear(self, box: Box) -> None:
        """Reserve a volume: nothing that is added later may enter it."""
        self._clear = np.concatenate([self._clear, [box]])

    def _boxes_of(self, piece: Piece, item: Furniture) -> Float[np.ndarray, "boxes 6"]:
        boxes = turned(solids(piece), item.heading)
        x, y, z = item.centre
        return boxes + np.array([x, y, z - item.extent[2] / 2] * 2)

    def _inside(self, boxes: Float[np.ndarray, "boxes 6"]) -> bool:
        low, high = boxes[:, :3].min(axis=0), boxes[:, 3:].max(axis=0)
        room = np.array([self.width, self.depth, self.height])
        return bool((low >= -1e-9).all() and (high <= room + 1e-9).all())

    def _fit(self, boxes: Float[np.ndarray, "boxes 6"], rests_on: int | None) -> bool:
        if self.full or not self._inside(boxes):
            return False
        margin = np.where(self._owner == (-1 if rests_on is None else rests_on), -_TOUCH_M, _GAP_M)
        return not (overlaps(boxes, self._clear, 0.0) or overlaps(boxes, self._solid, margin))

    def add(self, piece: Piece, item: Furniture) -> int | None:
        """Add the placed piece and give its object id.

        None when it does not fit: outside the room, too near to something, or one too many.
        """
        boxes = self._boxes_of(piece, item)
        if not self._fit(boxes, item.rests_on):
            return None
        number = len(self.furniture)
        self._solid = np.concatenate([self._solid, boxes])
        self._owner = np.concatenate([self._owner, np.full(len(boxes), number)])
        self.furniture.append(replace(item, object_id=number))
        return number

    def room(self, scene_id: str, seed: int) -> Room:
        """Close the plan."""
        return Room(scene_id, seed, self.width, self.depth, self.height, tuple(self.furniture))
