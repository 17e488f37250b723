"""Drawing a scan as seen by a camera: triangles, or a cloud's points as squares."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Int64, UInt8
from scipy.spatial import cKDTree

from hcfres.data.rooms import raster
from hcfres.data.scene import Frame, Scene
from hcfres.geometry.camera import project, unproject

MARK = np.array([255, 45, 85], dtype=np.float64)
"""Colour of a mask."""
BACKGROUND = 255
_ELEVATION = np.deg2rad(50)
_COVERED = 0.4
"""Share of a picture that a scan covers, roughly."""
_NEAREST_M = 0.15
"""A pixel farther than this from every vertex shows none of them."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; axes as OpenCV's."""

    intrinsics: Float[np.ndarray, "3 3"]
    camera_to_world: Float[np.ndarray, "4 4"]
    height: int
    width: int


def splat(
    points: Float[np.ndarray, "points 3"], camera: Camera, radius: int
) -> Int64[np.ndarray, "height width"]:
    """Number of the nearest point at each pixel, -1 where there is none.

    Args:
        points: world, metres.
        camera: what looks.
        radius: a point covers the pixels up to this far from its own.
    """
    pixels, depth = project(points, camera.intrinsics, camera.camera_to_world)
    ahead = np.flatnonzero(depth > 0)
    farthest_first = ahead[np.argsort(-depth[ahead], kind="stable")]
    columns, rows = np.rint(pixels[farthest_first]).T.clip(-radius - 1, 1 << 20).astype(np.int64)
    offsets = range(-radius, radius + 1)
    around = [(down, right) for down in offsets for right in offsets]
    nearest = np.full((camera.height, camera.width), -1, dtype=np.int64)
    depths = np.full(nearest.shape, np.inf)
    for down, right in around:
        row, column = rows + down, columns + right
        inside = (row >= 0) & (row < camera.height) & (column >= 0) & (column < camera.width)
        drawn = np.full(nearest.shape, -1, dtype=np.int64)
        drawn[row[inside], column[inside]] = farthest_first[inside]  # the last, nearest one stays
        closer = (drawn >= 0) & (depth[drawn] < depths)
        nearest[closer] = drawn[closer]
        depths[closer] = depth[drawn[closer]]
    return nearest


def cloud_view(
    scene: Scene,
    mask: Bool[np.ndarray, " points"],
    height: int = 480,
    width: int = 640,
    corner: int | None = None,
) -> UInt8[np.ndarray, "height width 3"]:
    """The scan obliquely from above, the mask in red; surfaces seen from behind are left out.

    The camera stands over `corner` (0 to 3), without one over `best_corner` of the mask.
    """
    chosen = best_corner(scene, mask) if corner is None else corner
    return _look(scene, mask, overview_pose(scene.vertices, chosen), height, width)[0]


def best_corner(scene: Scene, mask: Bool[np.ndarray, " points"]) -> int:
    """The corner, 0 to 3, from over which most of the mask is to be seen."""
    poses = [overview_pose(scene.vertices, corner) for corner in range(4)]
    return int(np.argmax([_look(scene, mask, pose, 120, 160)[1].sum() for pose in poses]))


def _look(
    scene: Scene,
    mask: Bool[np.ndarray, " points"],
    pose: Float[np.ndarray, "4 4"],
    height: int,
    width: int,
) -> tuple[UInt8[np.ndarray, "height width 3"], Bool[np.ndarray, "height width"]]:
    """A picture of the scan, and which of its pixels show the mask."""
    camera = _fitted(scene.vertices, pose, height, width)
    if len(scene.faces):
        corner = _nearest_faces(scene, camera)
    else:
        radius = round(0.5 * np.sqrt(_COVERED * height * width / max(len(scene.vertices), 1)))
        seen = splat(scene.vertices, camera, int(np.clip(radius, 1, 6)))
        corner = np.repeat(seen[..., None], 3, axis=-1)
    hit = corner[..., 0] >= 0
    colours = scene.colours[corner[hit]].mean(1)
    marked = np.zeros(hit.shape, dtype=bool)
    marked[hit] = mask[corner[hit]].sum(1) >= 2
    image = np.full((height, width, 3), BACKGROUND, dtype=np.uint8)
    image[hit] = _tinted(colours.astype(np.uint8), marked[hit], 0.75)
    return image, marked


def _nearest_faces(scene: Scene, camera: Camera) -> Int[np.ndarray, "height width 3"]:
    """Vertices of the nearest triangle turned towards each pixel, -1 where there is none."""
    matrix = camera.intrinsics
    pinhole = raster.Camera(
        camera.camera_to_world,
        (float(matrix[0, 0]), float(matrix[1, 1])),
        (float(matrix[0, 2]), float(matrix[1, 2])),
        camera.width,
        camera.height,
    )
    corners = scene.vertices[scene.faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    towards = camera.camera_to_world[:3, 3] - corners[:, 0]
    shown = (normals * towards).sum(1) >= 0
    drawn = raster.draw(scene.vertices, scene.faces, pinhole, shown).triangle
    return np.where(drawn[..., None] >= 0, scene.faces[drawn], -1)


def frame_view(
    surface: cKDTree, frame: Frame, mask: Bool[np.ndarray, " points"]
) -> UInt8[np.ndarray, "height width 3"]:
    """The frame's colour image with the visible part of the mask in red."""
    inside = frame_mask(surface, frame, mask, step=2)
    height, width = frame.colour.shape[:2]
    rows = np.arange(height) * inside.shape[0] // height
    columns = np.arange(width) * inside.shape[1] // width
    at_size = inside[rows[:, None], columns[None, :]]
    return _tinted(frame.colour.reshape(-1, 3), at_size.ravel(), 0.6).reshape(height, width, 3)


def frame_mask(
    surface: cKDTree, frame: Frame, mask: Bool[np.ndarray, " points"], step: int
) -> Bool[np.ndarray, "rows columns"]:
    """Which of every `step`-th pixel of the depth image show the mask (Eq. 2, nearest vertex).

    Args:
        surface: over the scan's vertices, world.
        frame: pixels without depth show nothing.
        mask: over the same vertices.
        step: pixels to the next one looked at, along rows and columns.
    """
    places = unproject(frame.depth, frame.intrinsics, frame.camera_to_world)[::step, ::step]
    measured = np.isfinite(places).all(-1)
    distance, vertex = surface.query(places[measured], distance_upper_bound=_NEAREST_M)
    seen = np.zeros(measured.shape, dtype=bool)
    near = np.isfinite(distance)
    seen[measured] = near & mask[np.where(near, vertex, 0)]
    return seen


def _tinted(
    colours: UInt8[np.ndarray, "points 3"], marked: Bool[np.ndarray, " points"], share: float
) -> UInt8[np.ndarray, "points 3"]:
    """Colours, those that are marked mixed with MARK."""
    mixed = (1 - share) * colours + share * MARK
    return np.where(marked[:, None], mixed, colours).astype(np.uint8)


def overview_pose(vertices: Float[np.ndarray, "points 3"], corner: int) -> Float[np.ndarray, "4 4"]:
    """Camera to world of a camera that looks at the middle from far and above, over a corner.

    Args:
        vertices: world, +z up.
        corner: 0 to 3, counter-clockwise from where x and y are smallest.
    """
    lowest, highest = np.percentile(vertices, [1, 99], axis=0).astype(np.float64)
    angle = np.pi * (1.25 + corner / 2)
    flat = np.array([np.cos(angle), np.sin(angle)]) * np.cos(_ELEVATION)
    forward = -np.array([*flat, np.sin(_ELEVATION)])
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = (lowest + highest) / 2 - 3 * np.linalg.norm(highest - lowest) * forward
    return pose


def _fitted(
    vertices: Float[np.ndarray, "points 3"],
    pose: Float[np.ndarray, "4 4"],
    height: int,
    width: int,
) -> Camera:
    """The camera at `pose` whose image the vertices just fill."""
    rays, _ = project(vertices, np.eye(3), pose)
    lowest, highest = np.percentile(rays, [0.2, 99.8], axis=0) if len(rays) else np.eye(2) - 0.5
    extent = np.maximum(highest - lowest, 1e-6)
    focal = 0.92 * min(width / extent[0], height / extent[1])
    x, y = np.array([width - 1, height - 1]) / 2 - focal * (lowest + highest) / 2
    return Camera(np.array([[focal, 0, x], [0, focal, y], [0, 0, 1]]), pose, height, width)
