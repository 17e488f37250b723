"""K of a recording's depth images: given, known from the layout, or assumed."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from hcfres.data.calibration import Pinhole
from hcfres.data.captures.capture import Told
from hcfres.data.errors import DataError
from hcfres.data.frames import require_intrinsics
from hcfres.data.trajectory import read_camera

Shape = tuple[int, ...]
"""Height and width of an image, in pixels."""

DEFAULT_SIZE = (480, 640)
DEFAULT_INTRINSICS = np.array([[525.0, 0, 319.5], [0, 525.0, 239.5], [0, 0, 1.0]])
DEFAULT_INTRINSICS.setflags(write=False)
"""K of a PrimeSense camera at 640x480, assumed where none is given."""


def choose_intrinsics(
    told: Told, shape: Shape, source: Path, known: Float[np.ndarray, "3 3"] | None = None
) -> tuple[Float[np.ndarray, "3 3"], str]:
    """K of depth images of (height, width) `shape`, and a sentence that says where it is from.

    Raises:
        DataError: K is neither given nor known, and the size is not 640x480; or it cannot be that
            of such images.
    """
    if told.intrinsics is not None:
        matrix, size = read_camera(told.intrinsics)
        if size != shape:
            reason = f"for {size[1]}x{size[0]}, the depth is {shape[1]}x{shape[0]}"
            raise DataError(told.intrinsics, reason, "Give the intrinsics of the depth images")
        require_intrinsics(told.intrinsics, matrix, shape)
        return matrix, f"Intrinsics: {_said(matrix, shape)}, as given."
    if known is not None:
        require_intrinsics(source, known, shape)
        return known, f"Intrinsics: {_said(known, shape)}, from the recording."
    if shape != DEFAULT_SIZE:
        reason = f"depth of {shape[1]}x{shape[0]} and no intrinsics; only 640x480 has a default"
        raise DataError(source, reason, "Give the intrinsics as Open3D's JSON")
    said = "No intrinsics were given: 525 / 525 / 319.5 / 239.5 at 640x480 is assumed."
    return DEFAULT_INTRINSICS, said


def pinhole(fx: float, fy: float, mx: float, my: float) -> Float[np.ndarray, "3 3"]:
    """K of a camera without skew."""
    return np.array([[fx, 0, mx], [0, fy, my], [0, 0, 1.0]])


def resized(
    intrinsics: Float[np.ndarray, "3 3"], old: Shape, new: Shape
) -> Float[np.ndarray, "3 3"]:
    """K of the same view at another size; pixel (0, 0) is the centre of the first pixel in both."""
    return Pinhole(intrinsics, (old[0], old[1])).scaled((new[0], new[1])).intrinsics


def _said(matrix: np.ndarray, shape: Shape) -> str:
    fx, fy, mx, my = matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]
    return f"fx {fx:.1f}, fy {fy:.1f}, mx {mx:.1f}, my {my:.1f} at {shape[1]}x{shape[0]}"
