"""The parts of tables and of what one keeps things in."""

from itertools import pairwise

import numpy as np

from hcfres.data.rooms.catalogue import Piece
from hcfres.data.rooms.patches import Part, box, cushion, cylinder
from hcfres.data.rooms.solids import COLUMN_M, FOOT, FOOT_M, LEG_M, PEDESTAL, TOP_M

_FRONT_M = 0.018
"""How far doors and drawers stand out."""


def table(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a top on four legs, or a round one on a column."""
    d, w, h = piece.extent
    del rng
    under = h - TOP_M
    if piece.shape == "round":
        return [
            cylinder(d / 2, under, h, spacing),
            cylinder(COLUMN_M / 2 - 0.005, FOOT_M, under, spacing, "plain"),
            cylinder(FOOT * d, 0.0, FOOT_M, spacing, "plain"),
        ]
    legs = [
        box((x, y, 0.0), (x + LEG_M, y + LEG_M, under), spacing, "plain")
        for x in (-d / 2, d / 2 - LEG_M)
        for y in (-w / 2, w / 2 - LEG_M)
    ]
    return [box((-d / 2, -w / 2, under), (d / 2, w / 2, h), spacing), *legs]


def _handle(x: float, y: float, z: float, size: tuple[float, float]) -> Part:
    return box(
        (x, y - size[0] / 2, z - size[1] / 2),
        (x + 0.02, y + size[0] / 2, z + size[1] / 2),
        0.06,
        "dark",
    )


def _drawers(
    front: float, sides: tuple[float, float], levels: list[float], spacing: float
) -> list[Part]:
    """Build drawer fronts between successive levels, each with a handle."""
    y0, y1 = sides
    parts: list[Part] = []
    for z0, z1 in pairwise(levels):
        low, high = (front - _FRONT_M, y0 + 0.012, z0 + 0.012), (front, y1 - 0.012, z1 - 0.012)
        parts.append(box(low, high, spacing, "plain"))
        parts.append(_handle(front - 0.004, (y0 + y1) / 2, (z0 + z1) / 2, (0.12, 0.02)))
    return parts


def desk(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a top, a side, a rear panel and a block of drawers."""
    d, w, h = piece.extent
    del rng
    under, inner = h - TOP_M, w / 2 - PEDESTAL * w
    body = d / 2 - _FRONT_M - 0.02
    return [
        box((-d / 2, -w / 2, under), (d / 2, w / 2, h), spacing),
        box((-d / 2, -w / 2 + 0.005, 0.0), (d / 2 - 0.03, -w / 2 + 0.04, under), spacing),
        box((-d / 2, -w / 2 + 0.04, 0.2), (-d / 2 + 0.03, inner, under), spacing, "plain"),
        box((-d / 2, inner, 0.0), (body, w / 2 - 0.005, under), spacing),
        *_drawers(body + _FRONT_M, (inner, w / 2), [0.03, 0.25, 0.48, under], spacing),
    ]


def cabinet(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a box with two doors, or a low one with drawers, on a plinth."""
    d, w, h = piece.extent
    front = d / 2 - 0.02
    body = front - _FRONT_M
    parts = [
        box((-d / 2, -w / 2, 0.06), (body, w / 2, h), spacing),
        box((-d / 2, -w / 2 + 0.02, 0.0), (body - 0.03, w / 2 - 0.02, 0.06), spacing, "dark"),
    ]
    if piece.shape == "low" and rng.random() < 0.4:
        return parts + _drawers(
            front, (-w / 2, w / 2), list(np.linspace(0.07, h - 0.01, 4)), spacing
        )
    for side in (-1, 1):
        y0, y1 = sorted((side * 0.006, side * (w / 2 - 0.012)))
        parts.append(box((body, y0, 0.08), (front, y1, h - 0.015), spacing, "plain"))
        parts.append(_handle(front - 0.002, side * 0.05, h * 0.55, (0.02, 0.2)))
    return parts


def bookshelf(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build an open case with shelves, partly filled with books."""
    d, w, h = piece.extent
    thick = 0.03
    parts = [
        box((-d / 2, -w / 2, 0.0), (d / 2, -w / 2 + thick, h), spacing),
        box((-d / 2, w / 2 - thick, 0.0), (d / 2, w / 2, h), spacing),
        box((-d / 2, -w / 2 + thick, h - thick), (d / 2, w / 2 - thick, h), spacing),
        box(
            (-d / 2, -w / 2 + thick, 0.04),
            (-d / 2 + 0.015, w / 2 - thick, h - thick),
            spacing,
            "plain",
        ),
    ]
    levels = np.linspace(0.05, h - thick, max(2, round(h / 0.36)) + 1)
    for low, high in pairwise(levels):
        parts.append(
            box(
                (-d / 2 + 0.015, -w / 2 + thick, low - 0.01),
                (d / 2 - 0.01, w / 2 - thick, low + 0.015),
                spacing,
            )
        )
        parts += _books(rng, (d, w - 2 * thick), (low + 0.015, high - 0.03), spacing)
    return parts


def _books(
    rng: np.random.Generator, size: tuple[float, float], span: tuple[float, float], spacing: float
) -> list[Part]:
    """Build blocks of books of one colour each, from one side of the shelf."""
    d, w = size
    parts, y, end = [], -w / 2 + 0.01, w / 2 - rng.uniform(0.05, 0.7) * w
    while y < end:
        width = min(rng.uniform(0.07, 0.2), w / 2 - 0.01 - y)
        if width < 0.04:
            break
        top = span[0] + (span[1] - span[0]) * rng.uniform(0.65, 0.92)
        x1 = d / 2 - rng.uniform(0.05, 0.09)
        material = f"book{rng.integers(6)}"
        parts.append(box((-d / 2 + 0.02, y, span[0]), (x1, y + width, top), spacing, material))
        y += width + 0.002
    return parts


def nightstand(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a small box with two drawers on short legs."""
    d, w, h = piece.extent
    del rng
    front = d / 2 - 0.02
    legs = [
        box((x, y, 0.0), (x + 0.04, y + 0.04, 0.1), spacing, "plain")
        for x in (-d / 2, front - 0.07)
        for y in (-w / 2, w / 2 - 0.04)
    ]
    return [
        box((-d / 2, -w / 2, 0.1), (front - _FRONT_M, w / 2, h), spacing),
        *_drawers(front, (-w / 2, w / 2), [0.11, 0.5 * h + 0.05, h - 0.01], spacing),
        *legs,
    ]


def refrigerator(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a tall box with a freezer door above a bigger door, and long handles."""
    d, w, h = piece.extent
    front = d / 2 - 0.035
    split = h * rng.uniform(0.62, 0.7)
    parts = [box((-d / 2, -w / 2, 0.03), (front - 0.06, w / 2, h), spacing)]
    for z0, z1 in ((0.06, split - 0.008), (split + 0.008, h)):
        parts.append(box((front - 0.05, -w / 2, z0), (front, w / 2, z1), spacing))
        parts.append(
            box(
                (front, w / 2 - 0.09, z0 + 0.25 * (z1 - z0)),
                (front + 0.035, w / 2 - 0.06, z0 + 0.8 * (z1 - z0)),
                0.06,
                "metal",
            )
        )
    parts.append(
        box(
            (-d / 2 + 0.02, -w / 2 + 0.02, 0.0), (front - 0.08, w / 2 - 0.02, 0.03), spacing, "dark"
        )
    )
    return parts


def carton(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a closed box with a strip of tape over its lid."""
    d, w, h = piece.extent
    del rng
    return [
        box((-d / 2, -w / 2, 0.0), (d / 2, w / 2, h - 0.004), spacing),
        box((-d / 2, -0.025, h - 0.004), (d / 2, 0.025, h), spacing, "tape"),
    ]


def backpack(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a rounded body, a front pocket, a loop and two straps."""
    d, w, h = piece.extent
    del rng
    front = d * 0.16
    return [
        cushion((-d / 2 + 0.03, -w / 2, 0.0), (front, w / 2, h - 0.03), spacing, roundness=0.45),
        cushion((front - 0.1, -w * 0.36, 0.02), (d / 2, w * 0.36, h * 0.52), spacing, "plain", 0.4),
        box((-d / 2 + 0.06, -0.05, h - 0.05), (-d / 2 + 0.09, 0.05, h), 0.04, "dark"),
        *(
            box((-d / 2, y - 0.025, 0.06), (-d / 2 + 0.04, y + 0.025, h - 0.08), spacing, "dark")
            for y in (-w * 0.27, w * 0.27)
        ),
    ]
