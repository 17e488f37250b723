"""Does what the cameras saw lie on the cloud? The check before a scan of one's own is believed."""

from dataclasses import dataclass, replace

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
_FARTHEST_M = 20.0
_FRAMES_TRIED = 6
_PIXELS_PER_FRAME = 3000


@dataclass(frozen=True)
class Landing:
    """How much of the depth lands on the cloud."""

    share: float
    """0..1, of the measured pixels looked at."""
    radius_m: float
    """How near a point of the cloud must be."""
    frames: int
    """Frames looked at."""

    def __str__(self) -> str:
        near = f"within {100 * self.radius_m:.0f} cm of the cloud"
        return f"{self.share:.0%} of the depth of {self.frames} frames lands {near}"


def landing(vertices: Float[np.ndarray, "points 3"], frames: tuple[Frame, ...]) -> Landing:
    """Measure the share of depth pixels whose world point (Eq. 2) lies near a point of the cloud.

    Near means twice the cloud's median spacing, between LEAST_RADIUS_M and GREATEST_RADIUS_M.
    Depth beyond 20 m is left out, as in lifting. Without any depth the share is 0.
    """
    tree = cKDTree(vertices)
    radius = min(max(2 * _spacing(vertices, tree), LEAST_RADIUS_M), GREATEST_RADIUS_M)
    near = seen = 0
    for frame in frames:
        points = _points(frame)
        distances, _ = tree.query(points, distance_upper_bound=radius)
        near += int(np.isfinite(distances).sum())
        seen += len(points)
    return Landing(near / max(seen, 1), radius, len(frames))


def likely_reason(
    vertices: Float[np.ndarray, "points 3"], frames: tuple[Frame, ...], found: Landing
) -> str:
    """Say which usual mistake would explain a poor landing: the one that repairs it, if any."""
    some = frames[:: max(1, len(frames) // _FRAMES_TRIED)]
    flip = np.diag([1.0, -1.0, -1.0, 1.0])
    guesses = {
        "the poses are world-to-camera; give their inverses": (
            vertices,
            [replace(f, camera_to_world=np.linalg.inv(f.camera_to_world)) for f in some],
        ),
        "the camera axes are OpenGL's (y up, z backward); give OpenCV's": (
            vertices,
            [replace(f, camera_to_world=f.camera_to_world @ flip) for f in some],
        ),
        "the depth images count in 1/5000 m, not in millimetres": (
            vertices,
            [replace(f, depth=f.depth / np.float32(5)) for f in some],
        ),
        "the cloud is in millimetres, the poses in metres": (vertices / 1000, list(some)),
    }
    for reason, (cloud, changed) in guesses.items():
        if landing(cloud, tuple(changed)).share >= max(NEEDED_SHARE, 2 * found.share):
            return reason
    return "the cloud lies in another frame of reference than the poses, or is of another scan"


def _spacing(vertices: np.ndarray, tree: cKDTree) -> float:
    """Median distance from a point to its nearest other point, metres."""
    some = vertices[:: max(1, len(vertices) // 20000)]
    distances = tree.query(some, k=2)[0][:, 1]
    finite = distances[np.isfinite(distances)]
    return float(np.median(finite)) if len(finite) else 0.0


def _points(frame: Frame) -> np.ndarray:
    """A regular choice of the frame's measured pixels as world points."""
    depth = np.where(frame.depth <= _FARTHEST_M, frame.depth, 0)
    points = unproject(depth, frame.intrinsics, frame.camera_to_world).reshape(-1, 3)
    points = points[np.isfinite(points).all(axis=1)]
    return np.asarray(points[:: max(1, len(points) // _PIXELS_PER_FRAME)])
