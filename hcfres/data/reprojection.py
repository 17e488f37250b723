"""Does what the cameras saw lie on the cloud? The check before a scan of one's own is believed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from hcfres.data.scene import Frame
from hcfres.geometry.camera import unproject

NEEDED_SHARE = 0.5
"""Less of the depth than this on the cloud, and the parts do not belong together."""
LEAST_RADIUS_M = 0.04
"""The radius of the spherical query: what lands farther away would lift nothing."""
GREATEST_RADIUS_M = 0.2
"""A cloud with wider gaps is too coarse, or not in metres."""
LEAST_SPACINGS = 2.0
"""A radius of the spherical query below so many spacings of the cloud finds too few points."""
_CLOSE_SPACINGS = 3.0
_FARTHEST_M = 20.0
_PIXELS_PER_FRAME = 3000
_POINTS_PER_FRAME = 8000
_PIXELS_COMPARED = 1000
_NEAR_SHARE = 0.02


@dataclass(frozen=True)
class Landing:
    """How much of the depth lands on the cloud."""

    share: float
    """0..1, of the measured pixels looked at."""
    radius_m: float
    """How near a point of the cloud must be."""
    frames: int
    """Frames looked at."""
    off_m: float = 0.0
    """Mean distance to the cloud; what did not land counts as `radius_m`."""

    def __str__(self) -> str:
        near = f"within {100 * self.radius_m:.0f} cm of the cloud"
        return f"{self.share:.0%} of the depth of {self.frames} frames lands {near}"


@dataclass(frozen=True)
class Target:
    """A cloud that depth is to land on."""

    vertices: Float[np.ndarray, "points 3"]

    @cached_property
    def tree(self) -> cKDTree:
        """The points, to be searched."""
        return cKDTree(self.vertices)

    @cached_property
    def spacing_m(self) -> float:
        """Median distance from a point to its nearest other point; 0 for a single point."""
        some = self.vertices[:: max(1, len(self.vertices) // 20000)]
        distances = self.tree.query(some, k=2)[0][:, 1]
        finite = distances[np.isfinite(distances)]
        return float(np.median(finite)) if len(finite) else 0.0

    @property
    def radius_m(self) -> float:
        """Twice the spacing, between LEAST_RADIUS_M and GREATEST_RADIUS_M."""
        return min(max(2 * self.spacing_m, LEAST_RADIUS_M), GREATEST_RADIUS_M)

    def landing(
        self,
        frames: tuple[Frame, ...],
        pixels: int = _PIXELS_PER_FRAME,
        radius_m: float | None = None,
    ) -> Landing:
        """Measure the share of depth pixels whose world point (Eq. 2) lies near a point.

        Depth beyond 20 m is left out, as in lifting. Without any depth the share is 0.

        Args:
            pixels: about how many are looked at of each frame.
            radius_m: what is near; None: `self.radius_m`.
        """
        radius = radius_m or self.radius_m
        near = seen = 0
        away = 0.0
        for frame in frames:
            points = world_points(frame, pixels)
            distances, _ = self.tree.query(points, distance_upper_bound=radius)
            near += int(np.isfinite(distances).sum())
            away += float(np.minimum(distances, radius).sum())
            seen += len(points)
        off = away / seen if seen else radius
        return Landing(near / max(seen, 1), radius, len(frames), off)


def landing(vertices: Float[np.ndarray, "points 3"], frames: tuple[Frame, ...]) -> Landing:
    """Measure how much of the frames' depth lands on a cloud, see `Target`."""
    return Target(vertices).landing(frames)


def agreement(frames: tuple[Frame, ...]) -> Landing:
    """Measure how much of every second frame's depth lands on what the other frames saw.

    The check of poses, axes and units where there is no cloud. Where they are right, frames that
    look at the same place agree about it. Near is _NEAR_SHARE of the median depth, so that depth in
    a smaller unit does not agree for its smallness alone.
    """
    depths = [frame.depth[(frame.depth > 0) & (frame.depth <= _FARTHEST_M)] for frame in frames]
    if len(frames) < 2 or not any(len(depth) for depth in depths):
        return Landing(0.0, LEAST_RADIUS_M, len(frames) // 2)
    middle = float(np.median([np.median(depth) for depth in depths if len(depth)]))
    seen = np.concatenate([world_points(frame, _POINTS_PER_FRAME) for frame in frames[::2]])
    if not len(seen):
        return Landing(0.0, LEAST_RADIUS_M, len(frames) // 2)
    target = Target(seen)
    radius = max(_NEAR_SHARE * middle, 2 * target.spacing_m)
    return target.landing(frames[1::2], _PIXELS_COMPARED, radius)


def radius_remark(spacing_m: float, radius_m: float) -> str | None:
    """Warn when the radius of the spherical query is small for the cloud; None where it is not."""
    if spacing_m <= 0 or radius_m >= _CLOSE_SPACINGS * spacing_m:
        return None
    sizes = f"a radius of {100 * radius_m:.1f} cm, the cloud's points lie {100 * spacing_m:.1f} cm"
    said = f"The method was trained with {sizes} apart (median)"
    if radius_m < LEAST_SPACINGS * spacing_m:
        return f"Warning: {said}; many pixels will find no point. Give a denser cloud."
    return f"Warning: {said}, which is close: thin things may find no point."


def world_points(frame: Frame, most: int) -> Float[np.ndarray, "points 3"]:
    """A regular choice of about `most` of the frame's measured pixels as world points."""
    measured = (frame.depth > 0) & (frame.depth <= _FARTHEST_M)
    step = max(1, int(np.sqrt(measured.sum() / most)))
    depth = np.where(measured, frame.depth, 0)[::step, ::step]
    intrinsics = frame.intrinsics.astype(np.float64)
    intrinsics[:2] /= step
    points = unproject(depth, intrinsics, frame.camera_to_world).reshape(-1, 3)
    points = points[np.isfinite(points).all(axis=1)]
    return np.asarray(points[:: max(1, len(points) // most)])
