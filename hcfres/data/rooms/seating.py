"""The parts of what one sits or lies on: chair, stool, couch, bed, pillow."""

import numpy as np

from hcfres.data.rooms.catalogue import Piece
from hcfres.data.rooms.patches import Part, box, cushion, cylinder, moved
from hcfres.data.rooms.solids import ARM_M, BACK, SEAT, arm_height

_SEAT_M = 0.06
"""Thickness of a chair's seat."""


def _legs(d: float, w: float, top: float, spacing: float, material: str) -> list[Part]:
    thick = 0.04
    return [
        box((x, y, 0.0), (x + thick, y + thick, top), spacing, material)
        for x in (-d / 2 + 0.01, d / 2 - thick - 0.01)
        for y in (-w / 2 + 0.01, w / 2 - thick - 0.01)
    ]


def _swivel(d: float, w: float, top: float, spacing: float) -> list[Part]:
    reach = min(d, w) / 2
    return [
        cylinder(0.03, 0.06, top, spacing, "metal"),
        box((-reach, -0.03, 0.0), (reach, 0.03, 0.06), spacing, "metal"),
        box((-0.03, -reach, 0.0), (0.03, reach, 0.06), spacing, "metal"),
    ]


def chair(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a seat, a back (whole or slatted) and legs or a swivel foot."""
    d, w, h = piece.extent
    seat, back = SEAT["chair"] * h, BACK["chair"] * d
    under = seat - _SEAT_M
    parts = [box((-d / 2, -w / 2, under), (d / 2, w / 2, seat), spacing)]
    if rng.random() < 0.3:
        parts += _swivel(d, w, under, spacing)
    else:
        parts += _legs(d, w, under, spacing, "wood" if rng.random() < 0.5 else "dark")
    x0, x1 = -d / 2, -d / 2 + back
    if rng.random() < 0.35:
        for y in (-w / 2, w / 2 - 0.05):
            parts.append(box((x0, y, seat), (x1, y + 0.05, h), spacing))
        rise = (h - seat) / 3
        for k in range(3):
            z = seat + (k + 0.45) * rise
            parts.append(
                box(
                    (x0 + 0.01, -w / 2 + 0.05, z),
                    (x1 - 0.01, w / 2 - 0.05, z + 0.5 * rise),
                    spacing,
                )
            )
    else:
        gap = 0.0 if rng.random() < 0.6 else 0.08
        if gap:
            parts.append(
                box((x0 + 0.01, -0.05, seat), (x1 - 0.01, 0.05, seat + gap), spacing, "dark")
            )
        parts.append(box((x0, -w / 2, seat + gap), (x1, w / 2, h), spacing))
    return parts


def stool(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a round or square seat on four legs."""
    d, w, h = piece.extent
    top = 0.09
    reach = 0.7 if piece.shape == "round" else 1.0
    material = "wood" if rng.random() < 0.5 else "metal"
    parts = _legs(d * reach, w * reach, h - top, spacing, material)
    if piece.shape == "round":
        return [cylinder(d / 2, h - top, h, spacing), *parts]
    return [box((-d / 2, -w / 2, h - top), (d / 2, w / 2, h), spacing), *parts]


def couch(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a base, a back, two arms and one to three seat cushions."""
    d, w, h = piece.extent
    seat, back, foot = SEAT["couch"] * h, BACK["couch"] * d, 0.07
    rear, inner = -d / 2 + back, w / 2 - ARM_M
    base = seat - 0.13
    parts = [
        box((-d / 2, -w / 2, foot), (d / 2 - 0.02, w / 2, base), spacing, "plain"),
        box((-d / 2, -w / 2, base), (rear, w / 2, h), spacing),
    ]
    for y in (-w / 2, inner):
        parts.append(box((rear, y, base), (d / 2 - 0.02, y + ARM_M, arm_height(h)), spacing))
        parts.append(
            box((-d / 2 + 0.05, y + 0.05, 0.0), (d / 2 - 0.07, y + 0.1, foot), spacing, "dark")
        )
    count = max(1, round(2 * inner / 0.65))
    width = 2 * inner / count
    for k in range(count):
        y = -inner + k * width
        low, high = (rear, y + 0.006, base), (d / 2, y + width - 0.006, seat)
        parts.append(box(low, high, spacing))
    del rng
    return parts


def bed(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a frame, a mattress with a sheet at the head, a blanket over the rest, a headboard."""
    d, w, h = piece.extent
    top, head = SEAT["bed"] * h, BACK["bed"] * d
    frame = "wood" if rng.random() < 0.6 else "dark"
    split = -d / 2 + 0.6
    return [
        box((-d / 2, -w / 2, 0.0), (-d / 2 + head, w / 2, h), spacing, frame),
        box(
            (-d / 2 + head, -w / 2 + 0.02, 0.1), (d / 2 - 0.02, w / 2 - 0.02, 0.24), spacing, frame
        ),
        box(
            (-d / 2 + head, -w / 2 + 0.04, 0.24),
            (split, w / 2 - 0.04, top - 0.015),
            spacing,
            "sheet",
        ),
        box((split, -w / 2, 0.2), (d / 2, w / 2, top), spacing),
        *(
            box((d / 2 - 0.12, y, 0.0), (d / 2 - 0.05, y + 0.07, 0.1), spacing, frame)
            for y in (-w / 2 + 0.04, w / 2 - 0.11)
        ),
    ]


def pillow(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a soft cushion; one that stands leans back a little within its box."""
    d, w, h = piece.extent
    del rng
    if h <= d:
        return [cushion((-d / 2, -w / 2, 0.0), (d / 2, w / 2, h), spacing)]
    lean = 0.16
    thick = d - np.sin(lean) * h * 0.8
    body = cushion((-thick / 2, -w / 2, -h / 2), (thick / 2, w / 2, h / 2), spacing)
    return [moved(body, (0.0, 0.0, h / 2), (1, -lean))]
