"""Colour registered to depth: the colour image as the depth camera would have taken it.

Three cases. The colour image already shows the depth image's view: it is only resampled. Both
cameras look from one place in one direction but have other focal lengths: K_colour K_depth^-1 maps
pixel to pixel, again a resampling. One stands apart from the other: where a pixel lies in the
colour image follows from its depth,

    p_colour ~ K_colour (R K_depth^-1 p_depth + t / depth).

A pixel without depth takes that of the nearest measured pixel of the image (of several as near, the
one in the nearest column, then the left, then the upper). A pixel whose place in
the colour image is covered by something nearer, so that the colour there is another surface's, and
a pixel outside the colour image are seen by nobody: they are black.
"""

from dataclasses import dataclass
from math import ceil, floor
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float, Float64, UInt8
from PIL import Image

from hcfres.data.calibration import Pinhole, Rig
from hcfres.geometry.kernel import kernel

COVERED_PX = 2.0
"""A surface covers another when it is shifted against it by more than so many colour pixels."""


@dataclass(frozen=True)
class Registered:
    """A colour image of the depth camera's view."""

    colour: UInt8[np.ndarray, "height width 3"]
    seen: Bool[np.ndarray, "height width"] | None
    """False where the colour camera saw nothing of it: black; None: it saw everything."""


def register(
    colour: UInt8[np.ndarray, "colour_height colour_width 3"],
    depth: Float[np.ndarray, "depth_height depth_width"],
    rig: Rig,
    size: tuple[int, int] | None = None,
) -> Registered:
    """Show the depth camera's view in colour, at `size` (height, width) or the colour image's own.

    Args:
        depth: metres; 0 where nothing was measured. It matters only when one camera stands apart.
    """
    size = size or (colour.shape[0], colour.shape[1])
    if rig.registered:
        return Registered(_resampled(colour, size), None)
    view = rig.depth.scaled(size)
    if rig.parallel:
        return _magnified(colour, rig.colour, view)
    return _moved(colour, depth, rig, view)


def _resampled(
    colour: np.ndarray, size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> np.ndarray:
    """Resample the image, or a box (left, upper, right, lower) of it; making less averages."""
    if box is None and colour.shape[:2] == size:
        return colour
    image = Image.fromarray(colour)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR, box))


def _magnified(colour: np.ndarray, camera: Pinhole, view: Pinhole) -> Registered:
    """The second case; rows and columns are independent of each other."""
    rows = _Span.of(camera, view, 1)
    columns = _Span.of(camera, view, 0)
    out = np.zeros((*view.size, 3), np.uint8)
    seen = np.zeros(view.size, bool)
    if rows.count and columns.count:
        pads = ((rows.pad, rows.pad), (columns.pad, columns.pad), (0, 0))
        box = (columns.start, rows.start, columns.stop, rows.stop)
        inside = (
            slice(rows.first, rows.first + rows.count),
            slice(columns.first, columns.first + columns.count),
        )
        padded = np.pad(colour, pads, "edge")
        out[inside] = _resampled(padded, (rows.count, columns.count), box)
        seen[inside] = True
    return Registered(out, None if seen.all() else seen)


@dataclass(frozen=True)
class _Span:
    """Which pixels of a row (or column) see the colour image, and what stretch of it they show."""

    first: int
    count: int
    start: float
    """Edges in the colour image with `pad` pixels before and after it, pixel 0 from 0 to 1."""
    stop: float
    pad: int

    @classmethod
    def of(cls, camera: Pinhole, view: Pinhole, axis: int) -> "_Span":
        step = float(camera.intrinsics[axis, axis] / view.intrinsics[axis, axis])
        zero = float(camera.intrinsics[axis, 2] - step * view.intrinsics[axis, 2])
        length, asked = camera.size[1 - axis], view.size[1 - axis]
        margin = 0.5 + step / 2
        first = max(0, floor((-margin - zero) / step) + 1)
        last = min(asked - 1, ceil((length - 1 + margin - zero) / step) - 1)
        start, stop = step * (first - 0.5) + zero + 0.5, step * (last + 0.5) + zero + 0.5
        pad = max(0, ceil(-start), ceil(stop - length))
        return cls(first, max(0, last - first + 1), start + pad, stop + pad, pad)


def _moved(colour: np.ndarray, depth: np.ndarray, rig: Rig, view: Pinhole) -> Registered:
    """The third case."""
    steps = [float(rig.colour.intrinsics[i, i] / view.intrinsics[i, i]) for i in (1, 0)]
    smaller = tuple(
        max(1, round(length / max(1.0, step)))
        for length, step in zip(rig.colour.size, steps, strict=True)
    )
    camera = rig.colour.scaled((smaller[0], smaller[1]))
    measured = np.isfinite(depth) & (depth > 0)
    places = _places(_nearness(depth, measured), _projection(rig, camera), *view.size)
    front = _front(places, measured, *camera.size)
    focal = float(np.diag(camera.intrinsics)[:2].max())
    parallax = focal * float(np.linalg.norm(rig.depth_to_colour[:3, 3]))
    margins = np.array([0.5 + min(1.0, step) / 2 for step in steps])
    image = np.ascontiguousarray(_resampled(colour, camera.size))
    out, seen = _sampled(image, places, front, margins, COVERED_PX / max(parallax, 1e-9))
    return Registered(out, None if seen.all() else seen)


def _nearness(
    depth: Float[np.ndarray, "height width"], measured: Bool[np.ndarray, "height width"]
) -> Float64[np.ndarray, "height width"]:
    """One over the depth, holes filled from the nearest measured pixel; 0 where there is none."""
    if not measured.any():
        return np.zeros(depth.shape)
    near = 1 / np.where(measured, depth, 1).astype(np.float64)
    if measured.all():
        return near
    return _filled(near, measured)


def _projection(rig: Rig, camera: Pinhole) -> Float64[np.ndarray, "3 4"]:
    """Depth pixel (u, v, 1) and nearness to the colour pixel, times its share of the depth."""
    turn = rig.depth_to_colour[:3, :3] @ np.linalg.inv(rig.depth.intrinsics)
    both = np.column_stack([turn, rig.depth_to_colour[:3, 3]])
    return np.ascontiguousarray(camera.intrinsics @ both, dtype=np.float64)


@kernel
@no_type_check
def _filled(values, known):
    """Each value, or that of the nearest known pixel: down the columns, then along the rows."""
    height, width = values.shape
    row_of = np.full((height, width), -1)
    for c in range(width):
        for r in range(height):
            row_of[r, c] = r if known[r, c] else (row_of[r - 1, c] if r else -1)
        below = -1
        for r in range(height - 1, -1, -1):
            below = r if known[r, c] else below
            if below >= 0 and (row_of[r, c] < 0 or below - r < r - row_of[r, c]):
                row_of[r, c] = below
    out = values.copy()
    for r in range(height):
        for c in range(width):
            nearest, reach = height * height + width * width, 0
            while not known[r, c] and reach < width and reach * reach < nearest:
                for at in (c - reach, c + reach):
                    if at < 0 or at >= width or row_of[r, at] < 0:
                        continue
                    away = reach * reach + (row_of[r, at] - r) ** 2
                    if away < nearest:
                        nearest = away
                        out[r, c] = values[row_of[r, at], at]
                reach += 1
    return out


@kernel
@no_type_check
def _places(nearness, projection, height, width):
    """Column, row and nearness in the colour camera of what each pixel shows; NaN behind it."""
    rows, columns = nearness.shape
    places = np.empty((height, width, 3))
    for i in range(height):
        v = (i + 0.5) * rows / height - 0.5
        for j in range(width):
            u = (j + 0.5) * columns / width - 0.5
            near = nearness[int(v + 0.5), int(u + 0.5)]
            for k in range(3):
                along = projection[k, 0] * u + projection[k, 1] * v + projection[k, 2]
                places[i, j, k] = along + projection[k, 3] * near
            z = places[i, j, 2]
            if z > 0:
                places[i, j, 0] /= z
                places[i, j, 1] /= z
                places[i, j, 2] = near / z
            else:
                places[i, j] = np.nan
    return places


@kernel
@no_type_check
def _front(places, measured, rows, columns):
    """Nearness of the nearest surface on each colour pixel (r, c), at [r + 1, c + 1].

    A surface is drawn two pixels wide so that no gap opens in it; `_sampled` undoes the growth.
    """
    front = np.zeros((rows + 3, columns + 3))
    height, width = places.shape[:2]
    for i in range(height):
        v = int((i + 0.5) * measured.shape[0] / height)
        for j in range(width):
            x, y, near = places[i, j, 0], places[i, j, 1], places[i, j, 2]
            known = measured[v, int((j + 0.5) * measured.shape[1] / width)]
            if known and x >= -1 and x < columns and y >= -1 and y < rows:
                row, column = int(np.floor(y)) + 1, int(np.floor(x)) + 1
                for r in (row, row + 1):
                    for c in (column, column + 1):
                        front[r, c] = max(front[r, c], near)
    return front


@kernel
@no_type_check
def _sampled(image, places, front, margins, covered):
    """Bilinear samples of the image, and which pixels have one."""
    rows, columns = image.shape[:2]
    height, width = places.shape[:2]
    out = np.zeros((height, width, 3), np.uint8)
    seen = np.zeros((height, width), np.bool_)
    for i in range(height):
        for j in range(width):
            x, y, near = places[i, j, 0], places[i, j, 1], places[i, j, 2]
            across = x > -margins[1] and x < columns - 1 + margins[1]
            if not (across and y > -margins[0] and y < rows - 1 + margins[0]):
                continue
            r, c = int(np.floor(y)) + 1, int(np.floor(x)) + 1
            nearest = min(front[r, c], front[r, c + 1], front[r + 1, c], front[r + 1, c + 1])
            if nearest - near > covered:
                continue
            seen[i, j] = True
            x, y = min(max(x, 0.0), columns - 1.0), min(max(y, 0.0), rows - 1.0)
            top, left = int(y), int(x)
            below, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            down, along = y - top, x - left
            for k in range(3):
                upper = image[top, left, k] * (1 - along) + image[top, right, k] * along
                lower = image[below, left, k] * (1 - along) + image[below, right, k] * along
                out[i, j, k] = int(upper * (1 - down) + lower * down + 0.5)
    return out, seen
