"""The parts of small things and of what hangs on walls."""

import numpy as np

from hcfres.data.rooms.catalogue import Piece
from hcfres.data.rooms.patches import Part, box, cushion, cylinder, moved, turned, wave


def lamp(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a foot, a pole and a shade."""
    d, _, h = piece.extent
    tall = piece.shape == "tall"
    shade = 0.24 * h if tall else 0.5 * h
    foot = "brass" if rng.random() < 0.4 else "dark"
    base = d * 0.36
    parts = [
        turned([(0.0, 0.0), (base, 0.0), (base, 0.025), (0.0, 0.035)], spacing, foot),
        cylinder(0.014 if tall else 0.02, 0.03, h - shade, spacing, foot),
        turned([(0.0, h - shade), (d / 2, h - shade), (d * 0.3, h), (0.0, h)], spacing),
    ]
    if not tall:
        parts.append(cushion((-0.06, -0.06, 0.03), (0.06, 0.06, h - shade), spacing, foot, 0.9))
    return parts


def monitor(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a flat screen in a frame on a stand."""
    d, w, h = piece.extent
    del rng
    low = h * 0.26
    foot = d / 2
    return [
        box((-0.02, -w / 2, low), (0.02, w / 2, h), spacing, "plain"),
        box(
            (0.02, -w / 2 + 0.025, low + 0.03), (0.026, w / 2 - 0.025, h - 0.025), spacing, "screen"
        ),
        box((-0.035, -0.03, 0.015), (-0.005, 0.03, low + 0.08), spacing, "plain"),
        box((-foot, -0.13, 0.0), (foot, 0.13, 0.015), spacing, "plain"),
    ]


def trash_can(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build an open bin that widens upward, with a dark inside."""
    d, w, h = piece.extent
    del rng
    thick = 0.015
    if piece.shape == "round":
        r = d / 2
        outline = [(0.0, 0.0), (0.76 * r, 0.0), (r, h), (r - thick, h)]
        inside = [(r - thick, h), (0.76 * r, 0.05), (0.0, 0.05)]
        return [turned(outline, spacing), turned(inside, spacing, "dark")]
    return [
        box((-d / 2, -w / 2, 0.0), (d / 2, -w / 2 + thick, h), spacing),
        box((-d / 2, w / 2 - thick, 0.0), (d / 2, w / 2, h), spacing),
        box((-d / 2, -w / 2 + thick, 0.0), (-d / 2 + thick, w / 2 - thick, h), spacing),
        box((d / 2 - thick, -w / 2 + thick, 0.0), (d / 2, w / 2 - thick, h), spacing),
        box(
            (-d / 2 + thick, -w / 2 + thick, 0.0),
            (d / 2 - thick, w / 2 - thick, 0.03),
            spacing,
            "dark",
        ),
    ]


def plant(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a pot with soil, and leaves: long ones in a tall plant, a bush in a low one."""
    d, _, h = piece.extent
    pot = 0.3 * h if piece.shape == "tall" else 0.42 * h
    r = 0.3 * d if piece.shape == "tall" else 0.38 * d
    material = ("clay", "paper", "dark")[rng.integers(3)]
    parts = [
        turned([(0.0, 0.0), (0.72 * r, 0.0), (r, pot), (0.85 * r, pot)], spacing, material),
        turned([(0.85 * r, pot), (0.0, pot + 0.01)], spacing, "soil"),
    ]
    if piece.shape == "tall":
        parts.append(cylinder(0.018, pot, 0.75 * h, spacing, "soil"))
        return parts + _blades(rng, d, (pot, h), spacing)
    return parts + _bush(rng, d, (pot, h), spacing)


def _leaf(number: int) -> str:
    return "leaf" if number % 3 else "leaf_light"


def _blades(
    rng: np.random.Generator, d: float, span: tuple[float, float], spacing: float
) -> list[Part]:
    """Build broad leaves around a stem, within the plant's box."""
    parts, count = [], 9
    low, high = span[0] + 0.16 * (span[1] - span[0]), span[1] - 0.16
    for k in range(count):
        angle = k * 2.4 + rng.uniform(-0.3, 0.3)
        z = low + (high - low) * k / (count - 1)
        reach = d * 0.46
        leaf = cushion((0.0, -0.07, -0.012), (reach, 0.07, 0.012), spacing, _leaf(k), 0.9)
        leaf = moved(leaf, (0.0, 0.0, 0.0), (1, -rng.uniform(0.1, 0.55)))
        parts.append(moved(leaf, (0.0, 0.0, z), (2, angle)))
    parts.append(
        cushion((-0.05, -0.05, span[1] - 0.2), (0.05, 0.05, span[1]), spacing, "leaf", 0.9)
    )
    return parts


def _bush(
    rng: np.random.Generator, d: float, span: tuple[float, float], spacing: float
) -> list[Part]:
    """Build overlapping lumps of leaves, within the plant's box."""
    parts = []
    size = 0.21 * d
    middle = (span[0] + span[1]) / 2
    for k in range(7):
        angle, away = k * 2.1 + rng.uniform(-0.3, 0.3), 0.27 * d if k else 0.0
        x, y = away * np.cos(angle), away * np.sin(angle)
        z = (
            (span[1] - size)
            if not k
            else middle + rng.uniform(-0.3, 0.2) * (span[1] - span[0] - 2 * size)
        )
        low, high = (x - size, y - size, z - size), (x + size, y + size, min(z + size, span[1]))
        parts.append(cushion(low, high, spacing, _leaf(k), 0.85))
    return parts


def picture(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a frame, a white mount and a canvas of the object's colour."""
    d, w, h = piece.extent
    edge, mat = 0.03, 0.065
    frame = ("wood", "dark", "brass")[rng.integers(3)]
    return [
        box((-d / 2, -w / 2, 0.0), (d / 2 - 0.008, w / 2, h), spacing, frame),
        box(
            (-d / 2 + 0.01, -w / 2 + edge, edge),
            (d / 2 - 0.004, w / 2 - edge, h - edge),
            spacing,
            "paper",
        ),
        box((-d / 2 + 0.01, -w / 2 + mat, mat), (d / 2, w / 2 - mat, h - mat), spacing),
    ]


def window(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a frame with a cross over bright panes, and a sill."""
    d, w, h = piece.extent
    del rng
    edge, pane, front = 0.07, -d / 2 + 0.02, d / 2 - 0.015
    return [
        box((-d / 2, -w / 2 + edge, edge), (pane, w / 2 - edge, h - edge), spacing, "sky"),
        box((-d / 2, -w / 2, edge), (front, -w / 2 + edge, h), spacing),
        box((-d / 2, w / 2 - edge, edge), (front, w / 2, h), spacing),
        box((-d / 2, -w / 2 + edge, h - edge), (front, w / 2 - edge, h), spacing),
        box((-d / 2, -w / 2, 0.0), (d / 2, w / 2, edge), spacing),
        box((pane, -0.025, edge), (front, 0.025, h - edge), spacing),
        box((pane, -w / 2 + edge, h / 2 - 0.025), (front, w / 2 - edge, h / 2 + 0.025), spacing),
    ]


def door(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a leaf with two raised panels in a frame, and a handle."""
    d, w, h = piece.extent
    edge, leaf = 0.07, -d / 2 + 0.025
    side = 1 if rng.random() < 0.5 else -1
    parts = [
        box((-d / 2, -w / 2, 0.0), (0.0, -w / 2 + edge, h), spacing, "sheet"),
        box((-d / 2, w / 2 - edge, 0.0), (0.0, w / 2, h), spacing, "sheet"),
        box((-d / 2, -w / 2 + edge, h - edge), (0.0, w / 2 - edge, h), spacing, "sheet"),
        box((-d / 2, -w / 2 + edge, 0.0), (leaf, w / 2 - edge, h - edge), spacing),
    ]
    for z0, z1 in ((0.2, 0.85), (1.05, h - 0.25)):
        parts.append(box((leaf, -w / 2 + 0.18, z0), (leaf + 0.015, w / 2 - 0.18, z1), spacing))
    y0, y1 = sorted((side * (w / 2 - 0.12), side * (w / 2 - 0.24)))
    parts.append(box((leaf, y0, 0.95), (d / 2, y1, 0.985), 0.05, "metal"))
    return parts


def curtain(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a cloth in folds below a rod."""
    d, w, h = piece.extent
    del rng
    folds = max(2, round(w / 0.16))
    return [
        wave((-d / 2, -w / 2, 0.0), (d / 2, w / 2, h - 0.03), folds, min(spacing, 0.05)),
        box((-0.015, -w / 2, h - 0.03), (0.015, w / 2, h), spacing, "dark"),
    ]


def whiteboard(piece: Piece, rng: np.random.Generator, spacing: float) -> list[Part]:
    """Build a white panel in a metal frame, with a tray and some writing."""
    d, w, h = piece.extent
    parts = [
        box((-d / 2, -w / 2, 0.04), (-d / 2 + 0.022, w / 2, h), spacing, "metal"),
        box(
            (-d / 2 + 0.01, -w / 2 + 0.03, 0.07), (-d / 2 + 0.028, w / 2 - 0.03, h - 0.03), spacing
        ),
        box((-d / 2, -w / 4, 0.0), (d / 2, w / 4, 0.04), spacing, "metal"),
    ]
    for k in range(int(rng.integers(2, 6))):
        y = rng.uniform(-0.42, 0.05) * w
        z = h * (0.8 - 0.12 * k)
        low = (-d / 2 + 0.028, y, z)
        high = (-d / 2 + 0.0285, y + rng.uniform(0.12, 0.35) * w, z + 0.018)
        parts.append(box(low, high, 0.1, f"book{rng.integers(6)}"))
    return parts
