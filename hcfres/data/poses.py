"""Camera poses and other 4 x 4 matrices as text."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from hcfres.data.errors import DataError
from hcfres.data.files import read_bytes, write_bytes

RIGID_TOLERANCE = 0.01
"""How far R R^T may be from the identity, entry by entry, and det R from 1."""
_LARGEST = 1 << 16
"""Bytes of a file of 16 numbers."""


def read_matrix(path: Path, way_out: str = "") -> Float[np.ndarray, "4 4"]:
    """Read 4 x 4 numbers, finite or not.

    Raises:
        DataError: missing, or not 16 numbers.
    """
    text = read_bytes(path, way_out, _LARGEST).decode("utf-8-sig", "replace")
    return parse_matrix(text, path, way_out)


def parse_matrix(
    text: str, source: Path, way_out: str = "", place: str = ""
) -> Float[np.ndarray, "4 4"]:
    """Read 4 x 4 numbers, finite or not, from `place` of `source`.

    Raises:
        DataError: not 16 numbers.
    """
    words = text.split()
    try:
        numbers = np.array([float(word) for word in words[:17]])
    except ValueError as error:
        raise DataError(source, f"a matrix has 16 numbers: {error}", way_out, place) from None
    if len(numbers) != 16:
        reason = f"a matrix has 16 numbers, found {len(words)}"
        raise DataError(source, reason, way_out, place)
    return numbers.reshape(4, 4)


def write_matrix(path: Path, matrix: Float[np.ndarray, "4 4"]) -> None:
    """Write four lines of four numbers with six decimals; infinities as `inf` and `-inf`."""
    lines = [" ".join(f"{value:f}" for value in row) for row in matrix]
    write_bytes(path, ("\n".join(lines) + "\n").encode())


def require_rigid(
    source: Path, pose: Float[np.ndarray, "4 4"], way_out: str = "", place: str = ""
) -> None:
    """Refuse a finite matrix that is not a rotation and a translation.

    Raises:
        DataError: says by how much it is off.
    """
    rotation = pose[:3, :3]
    with np.errstate(over="ignore", invalid="ignore"):
        skew = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
        off = max(skew, abs(float(np.linalg.det(rotation)) - 1))
    if not off <= RIGID_TOLERANCE or not np.allclose(pose[3], (0, 0, 0, 1)):
        reason = f"the pose is not a rotation and a translation (off by {off:.3g})"
        raise DataError(source, reason, way_out, place)
