"""Pinhole cameras: Eq. 2 and its inverse.

Camera axes are OpenCV's (x right, y down, z forward). Pixel (0, 0) is the centre of the upper left
pixel: integer coordinates, no half-pixel offset.
"""

import numpy as np
from jaxtyping import Float, Float64


def unproject(
    depth: Float[np.ndarray, "height width"],
    intrinsics: Float[np.ndarray, "3 3"],
    camera_to_world: Float[np.ndarray, "4 4"],
) -> Float64[np.ndarray, "height width 3"]:
    """Where in the world each pixel's surface lies (Eq. 2).

    Args:
        depth: metres along the camera's z axis, not along the ray; 0 where nothing was seen.
        intrinsics: K, in pixels of `depth`, not of the colour image.
        camera_to_world: T_cam, rigid, metres.

    Returns:
        World coordinates in metres; NaN where the depth is 0.
    """
    height, width = depth.shape
    along = np.where(depth > 0, depth, np.nan).astype(np.float64)
    u, v = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)[:, None]
    x = (u - intrinsics[0, 2]) * along / intrinsics[0, 0]
    y = (v - intrinsics[1, 2]) * along / intrinsics[1, 1]
    rotation, position = camera_to_world[:3, :3], camera_to_world[:3, 3]
    local = np.stack([x, y, along], axis=-1)
    world: np.ndarray = local @ rotation.T.astype(np.float64) + position
    return world


def project(
    points: Float[np.ndarray, "points 3"],
    intrinsics: Float[np.ndarray, "3 3"],
    camera_to_world: Float[np.ndarray, "4 4"],
) -> tuple[Float64[np.ndarray, "points 2"], Float64[np.ndarray, " points"]]:
    """Where in the image each world point appears, and how far it is.

    Returns:
        pixels: (u, v), column then row; NaN for points not in front of the camera.
        depth: metres along the camera's z axis, negative behind it.
    """
    rotation, position = camera_to_world[:3, :3], camera_to_world[:3, 3]
    local = (points.astype(np.float64) - position) @ rotation.astype(np.float64)
    depth = local[:, 2]
    ahead = np.where(depth > 0, depth, np.nan)
    u = intrinsics[0, 0] * local[:, 0] / ahead + intrinsics[0, 2]
    v = intrinsics[1, 1] * local[:, 1] / ahead + intrinsics[1, 2]
    return np.stack([u, v], axis=1), depth
