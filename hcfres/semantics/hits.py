"""Which vertices each depth pixel reaches: Eq. 2 and the spherical query (Sec. III-C)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int32, Int64

from hcfres.config.method import Legacy
from hcfres.config.setting import LiftingConfig
from hcfres.data.scene import Frame
from hcfres.geometry.camera import unproject
from hcfres.geometry.neighbours import Order, PointGrid, point_grid


@dataclass(frozen=True)
class PixelHits:
    """The vertices within the radius of each pixel's surface point, of one frame."""

    frame: int
    """Index of the frame."""
    size: tuple[int, int]
    """Height and width of the depth image."""
    pixels: Int64[np.ndarray, " pixels"]
    """Flat indices of the pixels that reach a vertex, ascending."""
    starts: Int64[np.ndarray, " pixels_plus_one"]
    vertices: Int32[np.ndarray, " hits"]
    """Those of the i-th pixel are vertices[starts[i]:starts[i + 1]]."""


def frame_hits(
    frames: Iterable[Frame],
    vertices: Float[np.ndarray, "points 3"],
    config: LiftingConfig,
    legacy: tuple[Legacy, ...] = (),
) -> Iterator[PixelHits]:
    """The hits of each frame in turn, looked for when they are asked for.

    A frame with a pose that is not finite reaches nothing. With `first_neighbours` in `legacy` a
    pixel reaches the vertices of smallest index within the radius instead of the nearest.
    """
    grid = point_grid(vertices, config.radius_m)
    for frame in frames:
        yield pixel_hits(frame, grid, config, legacy)


def pixel_hits(
    frame: Frame, grid: PointGrid, config: LiftingConfig, legacy: tuple[Legacy, ...] = ()
) -> PixelHits:
    """The hits of one frame; pixels without depth, or at `max_depth_m` or beyond, have none."""
    height, width = frame.depth.shape
    usable = (frame.depth > 0) & (frame.depth < config.max_depth_m)
    usable &= bool(np.isfinite(frame.camera_to_world).all())
    pixels = np.flatnonzero(usable)
    near = np.zeros((0, config.neighbours), dtype=np.int32)
    if len(pixels):
        world = unproject(frame.depth, frame.intrinsics, frame.camera_to_world)
        order: Order = "index" if "first_neighbours" in legacy else "nearest"
        near, _ = grid.query(world.reshape(-1, 3)[pixels], config.neighbours, order)
    listed = near >= 0
    counts = listed.sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(counts[counts > 0])])
    return PixelHits(frame.index, (height, width), pixels[counts > 0], starts, near[listed])
