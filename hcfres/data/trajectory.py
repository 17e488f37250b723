"""Camera trajectories in the `.log` form of Redwood and Open3D, and Open3D's intrinsics JSON.

Each pose is a line of three integers, the first two the frame's number, and four lines of a matrix.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, Field

from hcfres.data.errors import DataError
from hcfres.data.files import read_json, read_text, write_bytes
from hcfres.data.poses import require_rigid

_FORM = "A trajectory has, per frame, a line `N N N+1` and four lines of a camera-to-world matrix"


class _Camera(BaseModel):
    width: Annotated[int, Field(ge=1, le=1 << 16)]
    height: Annotated[int, Field(ge=1, le=1 << 16)]
    intrinsic_matrix: Annotated[
        list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=9, max_length=9)
    ]


def read_trajectory(path: Path) -> dict[int, Float[np.ndarray, "4 4"]]:
    """Read camera-to-world poses by frame number; a pose that is not finite stays so.

    Raises:
        DataError: missing, empty or malformed; a frame comes twice; poses between pairs of frames
            (an odometry log); a matrix that is not a rotation and a translation.
    """
    lines = [(n, line.split()) for n, line in enumerate(read_text(path).split("\n"), 1)]
    lines = [(n, words) for n, words in lines if words]
    if not lines or len(lines) % 5:
        raise DataError(path, f"{len(lines)} lines are not five per frame", _FORM)
    poses: dict[int, np.ndarray] = {}
    for start in range(0, len(lines), 5):
        number, head = lines[start]
        index = _index(path, number, head)
        if index in poses:
            raise DataError(path, f"frame {index} comes twice", _FORM, f"line {number}")
        poses[index] = _pose(path, number, [words for _, words in lines[start + 1 : start + 5]])
    return poses


def write_trajectory(path: Path, poses: dict[int, Float[np.ndarray, "4 4"]]) -> None:
    """Write poses by frame number."""
    text = []
    for index, pose in poses.items():
        text.append(f"{index} {index} {index + 1}\n")
        text += [" ".join(f"{value:.10f}" for value in row) + "\n" for row in pose]
    write_bytes(path, "".join(text).encode())


def read_camera(path: Path) -> tuple[Float[np.ndarray, "3 3"], tuple[int, int]]:
    """Read K and the (height, width) it belongs to from Open3D's JSON (columns first).

    Raises:
        DataError: missing or malformed.
    """
    camera = read_json(
        path, _Camera.model_validate_json, "Give Open3D's form: width, height, intrinsic_matrix"
    )
    matrix = np.array(camera.intrinsic_matrix).reshape(3, 3).T
    return matrix, (camera.height, camera.width)


def _index(path: Path, number: int, head: list[str]) -> int:
    if len(head) != 3 or not all(word.isascii() and word.isdigit() for word in head):
        raise DataError(
            path, f"three frame numbers, found {' '.join(head)[:60]!r}", _FORM, f"line {number}"
        )
    if head[0] != head[1]:
        reason = f"a pose between two frames, {head[0]} and {head[1]}: this is no trajectory"
        raise DataError(path, reason, _FORM, f"line {number}")
    return int(head[0])


def _pose(path: Path, number: int, rows: list[list[str]]) -> np.ndarray:
    place = f"the matrix after line {number}"
    if any(len(row) != 4 for row in rows):
        raise DataError(path, f"rows of {[len(row) for row in rows]} numbers", _FORM, place)
    try:
        pose = np.array([[float(word) for word in row] for row in rows])
    except ValueError as error:
        raise DataError(path, str(error), _FORM, place) from None
    if np.isfinite(pose).all():
        require_rigid(path, pose, _FORM, place)
    return pose
