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
    first: Float[np.ndarray, "n 6"], second: Float[np.ndarray, "m 6"], margin: float
) -> bool:
    """Tell whether a box of one set comes nearer than `margin` to a box of the other."""
    if not len(first) or not len(second):
        return False
    apart = (first[:, None, :3] >= second[None, :, 3:] + margin) | (
        second[None, :, :3] >= first[:, None, 3:] + margin
    )
    return bool((~apart.any(axis=2)).any())


class Plan:
    """The furniture placed so far; `add` is the only way in and never lets two things overlap."""

    def __init__(self, width: float, depth: float, height: float, limit: int) -> None:
        self.width, self.depth, self.height = width, depth, height
        self.limit = limit
        self.furniture: list[Furniture] = []
        self._boxes: list[Float[np.ndarray, "boxes 6"]] = []
        self._clear: list[Box] = []

    @property
    def full(self) -> bool:
        """Whether the room has as many objects as it may."""
        return len(self.furniture) >= self.limit

    def keep_clear(self, box: Box) -> None:
        """Reserve a volume: nothing that is added later may enter it."""
        self._clear.append(box)

    def _boxes_of(self, piece: Piece, item: Furniture) -> Float[np.ndarray, "boxes 6"]:
        boxes = turned(solids(piece), item.heading)
        x, y, z = item.centre
        return boxes + np.array([x, y, z - item.extent[2] / 2] * 2)

    def _inside(self, boxes: Float[np.ndarray, "boxes 6"]) -> bool:
        low, high = boxes[:, :3].min(axis=0), boxes[:, 3:].max(axis=0)
        room = np.array([self.width, self.depth, self.height])
        return bool((low >= -1e-9).all() and (high <= room + 1e-9).all())

    def fits(self, piece: Piece, item: Furniture) -> bool:
        """Tell whether the placed piece is in the room and overlaps nothing, not even narrowly."""
        boxes = self._boxes_of(piece, item)
        if self.full or not self._inside(boxes):
            return False
        if self._clear and overlaps(boxes, np.array(self._clear, dtype=np.float64), 0.0):
            return False
        for other, solid in enumerate(self._boxes):
            margin = -_TOUCH_M if other == item.rests_on else _GAP_M
            if overlaps(boxes, solid, margin):
                return False
        return True

    def add(self, piece: Piece, item: Furniture) -> int | None:
        """Add the placed piece if it fits, and give its object id; None when it does not."""
        if not self.fits(piece, item):
            return None
        number = len(self.furniture)
        self._boxes.append(self._boxes_of(piece, item))
        self.furniture.append(replace(item, object_id=number))
        return number

    def room(self, scene_id: str, seed: int) -> Room:
        """Close the plan."""
        return Room(scene_id, seed, self.width, self.depth, self.height, tuple(self.furniture))

