"""A z-buffer rasteriser: which triangle each pixel sees, and how far it is.

Pixel (u, v) is a ray through the integer point (u, v); u runs right, v down. Cameras look along
+z. Triangles that come nearer than the near plane are not drawn.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int

from hcfres.geometry.kernel import kernel

NEAR_M = 0.08


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in the room's frame."""

    camera_to_room: Float[np.ndarray, "4 4"]
    focal: tuple[float, float]
    """Pixels, along u and v."""
    centre: tuple[float, float]
    """Principal point, pixels."""
    width: int
    height: int

    def scaled(self, width: int, height: int) -> "Camera":
        """Give the camera of the same view with another number of pixels."""
        sx, sy = width / self.width, height / self.height
        return Camera(
            self.camera_to_room,
            (self.focal[0] * sx, self.focal[1] * sy),
            ((self.centre[0] + 0.5) * sx - 0.5, (self.centre[1] + 0.5) * sy - 0.5),
            width,
            height,
        )

    @property
    def numbers(self) -> Float[np.ndarray, "16"]:
        """Room-to-camera rotation and shift, then fx, fy, cx, cy: what the kernels read."""
        rotation = self.camera_to_room[:3, :3].T
        shift = -rotation @ self.camera_to_room[:3, 3]
        return np.concatenate([rotation.ravel(), shift, self.focal, self.centre])


@dataclass(frozen=True)
class Drawn:
    """What a camera sees."""

    triangle: Int[np.ndarray, "height width"]
    """Number of the nearest triangle, -1 where there is none."""
    depth: Float[np.ndarray, "height width"]
    """Metres along the camera's z axis, 0 where there is none."""


@kernel
@no_type_check
def _project(points, camera):
    out = np.empty(points.shape, np.float32)
    for i in range(points.shape[0]):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        cz = camera[6] * x + camera[7] * y + camera[8] * z + camera[11]
        out[i, 2] = cz
        if cz > 1e-6:
            cx = camera[0] * x + camera[1] * y + camera[2] * z + camera[9]
            cy = camera[3] * x + camera[4] * y + camera[5] * z + camera[10]
            out[i, 0] = camera[12] * cx / cz + camera[14]
            out[i, 1] = camera[13] * cy / cz + camera[15]
        else:
            out[i, 0] = 0.0
            out[i, 1] = 0.0
    return out


@kernel
@no_type_check
def _span(a, b, c, size):
    low = max(0, int(np.ceil(min(a, b, c))))
    high = min(size - 1, int(np.floor(max(a, b, c))))
    return low, high


@kernel
@no_type_check
def _draw(points, faces, shown, nearest, triangle):
    """Fill `nearest` with 1/z and `triangle` with the numbers of the shown faces."""
    height, width = triangle.shape
    for t in range(faces.shape[0]):
        i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
        if not shown[t] or points[i, 2] < NEAR_M or points[j, 2] < NEAR_M or points[k, 2] < NEAR_M:
            continue
        ax, ay, bx, by = points[i, 0], points[i, 1], points[j, 0], points[j, 1]
        cx, cy = points[k, 0], points[k, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        u0, u1 = _span(ax, bx, cx, width)
        v0, v1 = _span(ay, by, cy, height)
        za, zb, zc = 1.0 / points[i, 2], 1.0 / points[j, 2], 1.0 / points[k, 2]
        for v in range(v0, v1 + 1):
            for u in range(u0, u1 + 1):
                wa = ((bx - u) * (cy - v) - (by - v) * (cx - u)) / area
                wb = ((cx - u) * (ay - v) - (cy - v) * (ax - u)) / area
                wc = 1.0 - wa - wb
                if wa < -1e-6 or wb < -1e-6 or wc < -1e-6:
                    continue
                inverse = wa * za + wb * zb + wc * zc
                if inverse > nearest[v, u]:
                    nearest[v, u] = inverse
                    triangle[v, u] = t


def draw(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    camera: Camera,
    shown: Bool[np.ndarray, " faces"] | None = None,
) -> Drawn:
    """Draw triangles, of both sides, or only those that are `shown`."""
    nearest = np.zeros((camera.height, camera.width), np.float32)
    triangle = np.full((camera.height, camera.width), -1, np.int64)
    visible = np.ones(len(faces), np.bool_) if shown is None else shown
    _draw(_project(vertices, camera.numbers), faces, visible, nearest, triangle)
    depth = np.divide(1.0, nearest, out=np.zeros_like(nearest), where=nearest > 0)
    return Drawn(triangle, depth)


@kernel
@no_type_check
def _cover(points, faces, groups, counts, stamp):
    height, width = stamp.shape
    for t in range(faces.shape[0]):
        i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
        if points[i, 2] < NEAR_M or points[j, 2] < NEAR_M or points[k, 2] < NEAR_M:
            continue
        ax, ay, bx, by = points[i, 0], points[i, 1], points[j, 0], points[j, 1]
        cx, cy = points[k, 0], points[k, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        u0, u1 = _span(ax, bx, cx, width)
        v0, v1 = _span(ay, by, cy, height)
        for v in range(v0, v1 + 1):
            for u in range(u0, u1 + 1):
                if stamp[v, u] == groups[t]:
                    continue
                wa = ((bx - u) * (cy - v) - (by - v) * (cx - u)) / area
                wb = ((cx - u) * (ay - v) - (cy - v) * (ax - u)) / area
                if wa < -1e-6 or wb < -1e-6 or 1.0 - wa - wb < -1e-6:
                    continue
                stamp[v, u] = groups[t]
                counts[groups[t]] += 1


def alone(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    groups: Int[np.ndarray, " faces"],
    camera: Camera,
) -> Int[np.ndarray, " groups"]:
    """Count the pixels each group of faces would cover if nothing else were there.

    Faces of a group follow each other; groups are numbered from 0.
    """
    counts = np.zeros(int(groups.max()) + 1 if len(groups) else 0, np.int64)
    stamp = np.full((camera.height, camera.width), -1, np.int64)
    _cover(_project(vertices, camera.numbers), faces, groups, counts, stamp)
    return counts


@kernel
@no_type_check
def _reached(points, depth, camera, tolerance):
    height, width = depth.shape
    out = np.zeros(points.shape[0], np.bool_)
    projected = _project(points, camera)
    for i in range(points.shape[0]):
        z = projected[i, 2]
        if z < NEAR_M:
            continue
        u, v = int(np.rint(projected[i, 0])), int(np.rint(projected[i, 1]))
        if 0 <= u < width and 0 <= v < height:
            seen = depth[v, u]
            out[i] = seen == 0.0 or z <= seen + tolerance
    return out


def reached(
    points: Float[np.ndarray, "points 3"],
    drawn: Drawn,
    camera: Camera,
    tolerance: float,
) -> Bool[np.ndarray, " points"]:
    """Tell which points are in view, at most `tolerance` metres behind what is drawn."""
    return _reached(points, drawn.depth, camera.numbers, tolerance)
