"""Poses as other programs write them, as camera-to-world matrices in OpenCV's axes."""

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

UNIT_TOLERANCE = 0.01
"""How far the length of a quaternion may be from 1."""
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def from_opengl(pose: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
    """A camera-to-world matrix whose camera has OpenGL's axes (x right, y up, z backward)."""
    return np.asarray(pose @ _FLIP)


def from_quaternion(
    position: Float[np.ndarray, "3"], quaternion: Float[np.ndarray, "4"]
) -> Float[np.ndarray, "4 4"]:
    """A pose from its position and its quaternion, qx qy qz qw.

    Raises:
        ValueError: the quaternion is not of length 1.
    """
    length = float(np.linalg.norm(quaternion))
    if not abs(length - 1) <= UNIT_TOLERANCE:
        raise ValueError(f"a quaternion of length {length:.3g}, not 1")
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_quat(quaternion).as_matrix()
    pose[:3, 3] = position
    return pose
