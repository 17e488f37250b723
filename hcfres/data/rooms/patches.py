"""Parametric surfaces: each part of a piece is a few grids of points, turned into triangles.

Every primitive is closed unless it says otherwise, faces outward counter-clockwise, and carries
pattern coordinates in metres along its surface.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Patch:
    """A grid of points on a surface; the normal is (second axis - first) x ... = u x v outward."""

    points: Float[np.ndarray, "u v 3"]
    texture: Float[np.ndarray, "u v 2"]
    """Metres along the surface, for the pattern."""


@dataclass(frozen=True)
class Part:
    """Patches of one material that are welded where they meet."""

    patches: tuple[Patch, ...]
    material: str
    """`main` (the object's colour and pattern), `plain` (its colour alone) or a name in FIXED."""


def _cells(length: float, spacing: float) -> int:
    return max(1, round(length / spacing))


def _flat(origin: np.ndarray, u: np.ndarray, v: np.ndarray, spacing: float) -> Patch:
    """Span a parallelogram by two edges."""
    nu = _cells(float(np.linalg.norm(u)), spacing) + 1
    nv = _cells(float(np.linalg.norm(v)), spacing) + 1
    a, b = np.meshgrid(np.linspace(0, 1, nu), np.linspace(0, 1, nv), indexing="ij")
    points = origin + a[..., None] * u + b[..., None] * v
    texture = np.stack([a * np.linalg.norm(u), b * np.linalg.norm(v)], axis=2)
    return Patch(points, texture)


def quad(origin: Vector, u: Vector, v: Vector, spacing: float) -> Patch:
    """Give an open parallelogram that faces u x v."""
    return _flat(np.array(origin), np.array(u), np.array(v), spacing)


_FACES = (
    ((0, 0, 0), 1, 0), ((0, 0, 1), 0, 1), ((0, 0, 0), 0, 2),
    ((0, 1, 0), 2, 0), ((0, 0, 0), 2, 1), ((1, 0, 0), 1, 2),
)  # fmt: skip
"""Corner and the two axes that span each face of the unit cube, in outward order."""


def box(low: Vector, high: Vector, spacing: float, material: str = "main") -> Part:
    """Give an axis-aligned box."""
    start, size = np.array(low), np.array(high) - np.array(low)
    edges = np.diag(size)
    return Part(
        tuple(
            _flat(start + np.array(corner) * size, edges[u], edges[v], spacing)
            for corner, u, v in _FACES
        ),
        material,
    )


def _revolved(radii: np.ndarray, heights: np.ndarray, spacing: float) -> Patch:
    """Turn a profile (radius over height, upward on the outside) about the vertical."""
    around = max(8, _cells(2 * np.pi * float(radii.max()), spacing))
    angle = np.linspace(0, 2 * np.pi, around + 1)
    angle[-1] = 0.0
    run = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(radii), np.diff(heights)))])
    points = np.stack(
        [
            np.cos(angle)[:, None] * radii,
            np.sin(angle)[:, None] * radii,
            np.broadcast_to(heights, (around + 1, len(heights))),
        ],
        axis=2,
    )
    length = np.linspace(0, 2 * np.pi * float(radii.max()), around + 1)
    texture = np.stack(np.broadcast_arrays(length[:, None], run[None, :]), axis=2)
    return Patch(points, texture)


def _profile(points: list[tuple[float, float]], spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Divide a polyline of (radius, height) into steps of about `spacing`."""
    radii, heights = [points[0][0]], [points[0][1]]
    for (r0, z0), (r1, z1) in pairwise(points):
        steps = _cells(float(np.hypot(r1 - r0, z1 - z0)), spacing)
        radii.extend(np.linspace(r0, r1, steps + 1)[1:])
        heights.extend(np.linspace(z0, z1, steps + 1)[1:])
    return np.array(radii), np.array(heights)


def turned(profile: list[tuple[float, float]], spacing: float, material: str = "main") -> Part:
    """Give a solid of revolution about +z from its outline (radius, height), bottom to top.

    Each straight stretch is a patch of its own, so that rims stay sharp.
    """
    patches = []
    for first, second in pairwise(profile):
        patches.append(_revolved(*_profile([first, second], spacing), spacing))
    return Part(tuple(patches), material)


def cylinder(radius: float, z0: float, z1: float, spacing: float, material: str = "main") -> Part:
    """Give an upright cylinder on the z axis."""
    return turned([(0.0, z0), (radius, z0), (radius, z1), (0.0, z1)], spacing, material)


def cushion(
    low: Vector, high: Vector, spacing: float, material: str = "main", roundness: float = 0.5
) -> Part:
    """Give a superellipsoid that fills the box: 1 is an ellipsoid, towards 0 a box."""
    half = (np.array(high) - np.array(low)) / 2
    middle = np.array(low) + half
    around = max(10, _cells(2 * np.pi * float(np.sort(half)[1:].mean()), spacing))
    up = max(5, around // 2)
    angle = np.linspace(-np.pi, np.pi, around + 1)
    rise = np.linspace(-np.pi / 2, np.pi / 2, up + 1)

    def power(value: np.ndarray) -> np.ndarray:
        return np.sign(value) * np.abs(value) ** roundness

    thin = int(np.argmin(half))
    axes = [(thin + 1) % 3, (thin + 2) % 3, thin]
    unit = np.zeros((around + 1, up + 1, 3))
    unit[..., axes[0]] = power(np.cos(angle))[:, None] * power(np.cos(rise))
    unit[..., axes[1]] = power(np.sin(angle))[:, None] * power(np.cos(rise))
    unit[..., axes[2]] = power(np.sin(rise))
    unit[-1] = unit[0]
    points = middle + unit * half
    texture = np.stack([points[..., axes[0]], points[..., axes[1]]], axis=2)
    return Part((Patch(points, texture),), material)


def wave(low: Vector, high: Vector, folds: int, spacing: float, material: str = "main") -> Part:
    """Give a hanging cloth in folds: a closed sheet across y that swings along x in the box."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    columns = max(folds * 6, _cells(y1 - y0, spacing)) + 1
    rows = _cells(z1 - z0, spacing) + 1
    across, rise = np.linspace(0, 1, columns), np.linspace(0, 1, rows)
    thick = 0.02
    swing = (x0 + x1) / 2 + thick / 2 + (x1 - x0 - thick) / 2 * np.sin(2 * np.pi * folds * across)
    y = y0 + across * (y1 - y0)
    z = z0 + rise * (z1 - z0)
    front = np.stack(np.broadcast_arrays(swing[:, None], y[:, None], z[None, :]), axis=2).astype(
        float
    )
    texture = np.stack(np.broadcast_arrays(y[:, None] - y0, z[None, :] - z0), axis=2).astype(float)
    back = front[::-1].copy()
    back[..., 0] -= thick
    return Part((Patch(front, texture), Patch(back, texture[::-1])), material)


def moved(part: Part, offset: Vector, tilt: tuple[int, float] | None = None) -> Part:
    """Turn a part about the axis `tilt[0]` by `tilt[1]` radians, then shift it."""
    turn = np.eye(3)
    if tilt is not None:
        first, second = (tilt[0] + 1) % 3, (tilt[0] + 2) % 3
        c, s = np.cos(tilt[1]), np.sin(tilt[1])
        turn[first, first], turn[first, second] = c, -s
        turn[second, first], turn[second, second] = s, c
    return Part(
        tuple(replace(p, points=p.points @ turn.T + np.array(offset)) for p in part.patches),
        part.material,
    )
