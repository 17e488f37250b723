"""Where a piece of furniture is solid, and where something can rest on it.

A piece's own frame has its origin on the floor under the middle of its footprint, its front
along +x, its width along y and +z up. Boxes are rows (x0, y0, z0, x1, y1, z1), metres.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hcfres.data.rooms.catalogue import Extent, Piece
from hcfres.data.rooms.room import Furniture

SEAT = {"chair": 0.52, "couch": 0.53, "bed": 0.54}
"""Height of the surface one sits or lies on, as a share of the whole height."""
BACK = {"chair": 0.12, "couch": 0.26, "bed": 0.03}
"""Depth of the back or headboard, as a share of the whole depth."""
ARM_M = 0.17
"""Width of a couch's arm."""
TOP_M = 0.05
"""Thickness of a table or desk top."""
LEG_M = 0.07
PEDESTAL = 0.34
"""Width of a desk's drawers, as a share of its width."""
COLUMN_M = 0.12
"""Width of the column that bears a round table."""
FOOT = 0.24
"""Radius of that column's foot, as a share of the table's diameter."""
FOOT_M = 0.03
"""Height of the foot."""

Box = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Rest:
    """A level rectangle, in the supporter's own frame, on which things can rest."""

    x0: float
    y0: float
    x1: float
    y1: float
    z: float


def local_extent(item: Furniture) -> Extent:
    """Undo the heading: depth, width and height in the piece's own frame.

    Headings stay within 25 degrees of an axis, where the bounding box determines the piece.
    """
    c, s = abs(math.cos(item.heading)), abs(math.sin(item.heading))
    x, y, z = item.extent
    span = c * c - s * s
    return (c * x - s * y) / span, (c * y - s * x) / span, z


def as_piece(item: Furniture) -> Piece:
    """Forget where the piece stands."""
    return Piece(item.label, item.colour, item.pattern, item.size, item.shape, local_extent(item))


def _seated(piece: Piece) -> list[Box]:
    """Solids of what has a seat and a back: chair, couch, bed."""
    d, w, h = piece.extent
    seat, back = SEAT[piece.label] * h, BACK[piece.label] * d
    boxes: list[Box] = [
        (-d / 2, -w / 2, 0.0, d / 2, w / 2, seat),
        (-d / 2, -w / 2, seat, -d / 2 + back, w / 2, h),
    ]
    if piece.label == "couch":
        top = arm_height(h)
        boxes.append((-d / 2, -w / 2, seat, d / 2, -w / 2 + ARM_M, top))
        boxes.append((-d / 2, w / 2 - ARM_M, seat, d / 2, w / 2, top))
    return boxes


def arm_height(height: float) -> float:
    """Tell how high a couch's arms are."""
    return 0.74 * height


def _tabled(piece: Piece) -> list[Box]:
    """Solids of a table: the top and what bears it."""
    d, w, h = piece.extent
    boxes: list[Box] = [(-d / 2, -w / 2, h - TOP_M, d / 2, w / 2, h)]
    if piece.shape == "round":
        half = COLUMN_M / 2
        boxes.append((-half, -half, 0.0, half, half, h - TOP_M))
        foot = FOOT * d
        boxes.append((-foot, -foot, 0.0, foot, foot, FOOT_M))
        return boxes
    for x in (-d / 2, d / 2 - LEG_M):
        for y in (-w / 2, w / 2 - LEG_M):
            boxes.append((x, y, 0.0, x + LEG_M, y + LEG_M, h - TOP_M))
    return boxes


def _desk(piece: Piece) -> list[Box]:
    """Solids of a desk: top, drawers on the left of who sits at it, a side, a rear panel."""
    d, w, h = piece.extent
    under = h - TOP_M
    return [
        (-d / 2, -w / 2, under, d / 2, w / 2, h),
        (-d / 2, w / 2 - PEDESTAL * w, 0.0, d / 2, w / 2, under),
        (-d / 2, -w / 2, 0.0, d / 2, -w / 2 + 0.04, under),
        (-d / 2, -w / 2, 0.0, -d / 2 + 0.03, w / 2, under),
    ]


def solids(piece: Piece) -> Float[np.ndarray, "boxes 6"]:
    """List boxes that together hold all of the piece's matter, in its own frame."""
    if piece.label in SEAT:
        boxes = _seated(piece)
    elif piece.label == "table":
        boxes = _tabled(piece)
    elif piece.label == "desk":
        boxes = _desk(piece)
    else:
        d, w, h = piece.extent
        boxes = [(-d / 2, -w / 2, 0.0, d / 2, w / 2, h)]
    return np.array(boxes, dtype=np.float64)


def rest(piece: Piece) -> Rest | None:
    """Give the surface on which other things may rest, None where there is none."""
    d, w, h = piece.extent
    inset = 0.02
    if piece.label in ("couch", "bed"):
        back, side = BACK[piece.label] * d, ARM_M if piece.label == "couch" else 0.05
        x1 = d / 2 - 0.04 if piece.label == "couch" else d / 2 - 0.1
        return Rest(
            -d / 2 + back + 0.01,
            -w / 2 + side + 0.01,
            x1,
            w / 2 - side - 0.01,
            SEAT[piece.label] * h,
        )
    if piece.label == "table" and piece.shape == "round":
        half = d / 2 * 0.66
        return Rest(-half, -half, half, half, h)
    if piece.label in ("table", "desk", "nightstand", "box") or (
        piece.label in ("cabinet", "bookshelf") and piece.shape == "low"
    ):
        return Rest(-d / 2 + inset, -w / 2 + inset, d / 2 - inset, w / 2 - inset, h)
    return None


def turned(boxes: Float[np.ndarray, "boxes 6"], heading: float) -> Float[np.ndarray, "boxes 6"]:
    """Bound each box after turning it about the vertical through the origin."""
    c, s = math.cos(heading), math.sin(heading)
    turn = np.array([[c, -s], [s, c]])
    middle = (boxes[:, :2] + boxes[:, 3:5]) / 2 @ turn.T
    half = (boxes[:, 3:5] - boxes[:, :2]) / 2 @ np.abs(turn).T
    return np.concatenate(
        [middle - half, boxes[:, 2:3], middle + half, boxes[:, 5:6]],
        axis=1,
    )


def placed_solids(item: Furniture) -> Float[np.ndarray, "boxes 6"]:
    """List boxes, in the room's frame, that together hold all of the object's matter."""
    boxes = turned(solids(as_piece(item)), item.heading)
    x, y, z = item.centre
    return boxes + np.array([x, y, z - item.extent[2] / 2] * 2)
