"""Which way is up in a scan that does not say so, and the rotation that puts it along +z."""

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

KEPT_DEGREES = 15.0
"""A frame of reference whose z axis is this near to up is left as it is."""
_LEAST_AGREEMENT = 0.3
_LEAST_SPREAD = 0.05
"""Variance of the cameras' x axes: in a second direction at least, across both at most."""
_PATCH = 16
_PATCHES = 3000
_FEWEST_PATCHES = 30


def up_direction(
    vertices: Float[np.ndarray, "points 3"], poses: Float[np.ndarray, "frames 4 4"]
) -> Float[np.ndarray, "3"] | None:
    """Estimate the unit vector that points up, in the frame of the poses.

    People hold a camera without rolling it, so its x axis is level: where the headings differ, up
    is what is across all x axes; where they do not, it is the mean of the cameras' up axes. The
    normals of the cloud's level surfaces (floor, table tops) near it correct this first guess.
    None where the cameras disagree too much to tell.
    """
    mean = -poses[:, :3, 1].mean(axis=0)
    if np.linalg.norm(mean) < _LEAST_AGREEMENT:
        return None
    up = _across(poses[:, :3, 0], mean)
    normals = _normals(vertices)
    for degrees in (35, 20, 10, 5):
        along = normals @ up
        level = np.abs(along) > np.cos(np.radians(degrees))
        if level.sum() < _FEWEST_PATCHES:
            return up
        mean = (normals[level] * np.sign(along[level])[:, None]).mean(axis=0)
        up = mean / np.linalg.norm(mean)
    return up


def rotation_to_z(up: Float[np.ndarray, "3"]) -> Float[np.ndarray, "4 4"]:
    """Return the smallest rotation that takes `up` to +z, the identity if it is near enough.

    Half a turn is about the x axis.
    """
    matrix = np.eye(4)
    cosine = float(up[2])
    if cosine > np.cos(np.radians(KEPT_DEGREES)):
        return matrix
    axis = np.array([up[1], -up[0], 0.0])
    sine = float(np.linalg.norm(axis))
    axis = axis / sine if sine > 1e-9 else np.array([1.0, 0.0, 0.0])
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix[:3, :3] += sine * cross + (1 - cosine) * cross @ cross
    return matrix


def _across(level: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """The unit vector across all of `level`, on the side of `towards`, or `towards` itself."""
    spread, axes = np.linalg.eigh(level.T @ level / len(level))
    if spread[0] < _LEAST_SPREAD < spread[1]:
        return np.asarray(axes[:, 0] * np.copysign(1, axes[:, 0] @ towards))
    return np.asarray(towards / np.linalg.norm(towards))


def _normals(vertices: np.ndarray) -> np.ndarray:
    """Unit normals, of either sign, of small patches all over the cloud."""
    if len(vertices) < _PATCH:
        return np.zeros((0, 3))
    some = vertices[:: max(1, len(vertices) // _PATCHES)]
    patches = vertices[cKDTree(vertices).query(some, k=_PATCH)[1]].astype(np.float64)
    patches -= patches.mean(axis=1, keepdims=True)
    return np.linalg.eigh(patches.transpose(0, 2, 1) @ patches)[1][:, :, 0]
