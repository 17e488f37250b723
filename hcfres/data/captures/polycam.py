"""Raw data of the iPhone program Polycam: `keyframes` with images, depth and a JSON a camera.

Files of one frame share a name, the time in microseconds. A camera has width, height, fx, fy, cx
and cy of the colour image, and the rows t_00 .. t_23 of camera to world in ARKit's axes: the
world's y is up, the camera's axes are OpenGL's. Depth is 16-bit, in millimetres, and smaller than
the colour image.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field

from hcfres.data.captures.axes import from_opengl
from hcfres.data.captures.capture import Capture, Layout, Told
from hcfres.data.captures.clouds import only_cloud
from hcfres.data.captures.images import ImageFiles
from hcfres.data.captures.intrinsics import choose_intrinsics, pinhole, resized
from hcfres.data.errors import DataError
from hcfres.data.files import read_json
from hcfres.data.frames import COLOUR_SUFFIXES, DEPTH_SUFFIXES, numbered_files
from hcfres.data.poses import require_rigid

_AGAIN = "Export `raw data` from Polycam again, with developer mode on"
_Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
_Size = Annotated[int, Field(ge=1, le=1 << 16)]


class _Camera(BaseModel):
    width: _Size
    height: _Size
    fx: _Finite
    fy: _Finite
    cx: _Finite
    cy: _Finite
    t_00: _Finite
    t_01: _Finite
    t_02: _Finite
    t_03: _Finite
    t_10: _Finite
    t_11: _Finite
    t_12: _Finite
    t_13: _Finite
    t_20: _Finite
    t_21: _Finite
    t_22: _Finite
    t_23: _Finite

    def pose(self) -> np.ndarray:
        """Camera to world as stored, OpenGL's axes."""
        rows = [[getattr(self, f"t_{i}{j}") for j in range(4)] for i in range(3)]
        return np.array([*rows, [0, 0, 0, 1.0]])


def fits(path: Path) -> bool:
    """Whether a folder holds Polycam's keyframes, or is the folder `keyframes`."""
    root = _root(path)
    return (root / "depth").is_dir() and any(
        (root / f"{kind}cameras").is_dir() and (root / f"{kind}images").is_dir()
        for kind in ("", "corrected_")
    )


def read(path: Path, told: Told) -> Capture:
    """Read the keyframes, with the corrected poses and images where there are any.

    Raises:
        DataError: a camera or an image is missing or broken.
    """
    root = _root(path)
    corrected = (root / "corrected_cameras").is_dir() and (root / "corrected_images").is_dir()
    kind = "corrected_" if corrected else ""
    cameras = numbered_files(root / f"{kind}cameras", (".json",), _AGAIN)
    colours = numbered_files(root / f"{kind}images", COLOUR_SUFFIXES, _AGAIN)
    depths = numbered_files(root / "depth", DEPTH_SUFFIXES, _AGAIN)
    images = ImageFiles(colours, depths, told.depth_unit_m or 0.001)
    known = {i: _camera(cameras[i]) for i in images.indices() if i in cameras}
    if not known:
        counts = f"{len(colours)} images, {len(depths)} depth images, {len(cameras)} cameras"
        raise DataError(root, f"no frame is complete: {counts}", _AGAIN)
    shape = images.depth(min(known)).shape
    intrinsics = {i: _of_depth(camera, shape) for i, camera in known.items()}
    first, source = choose_intrinsics(told, shape, path, intrinsics[min(known)])
    if told.intrinsics is not None:
        intrinsics = dict.fromkeys(known, first)
    remarks = (
        "Layout: Polycam's raw data.",
        f"Poses: {len(known)}{', corrected by Polycam' if corrected else ''}, camera to world; the "
        "camera's axes are OpenGL's and were turned to OpenCV's; the world's y is up.",
        f"Depth: 16-bit, {1 / images.unit_m:g} counts a metre.",
        f"{source[:-1]}; every frame has its own.",
    )
    poses = {i: _pose(cameras[i], camera) for i, camera in known.items()}
    cloud = only_cloud(told.cloud, path, root)
    place = root / f"{kind}cameras"
    up = (0.0, 1.0, 0.0)
    return Capture("Polycam", path, images, poses, place, intrinsics, remarks, cloud, up, True)


def _root(path: Path) -> Path:
    return path / "keyframes" if (path / "keyframes").is_dir() else path


def _camera(path: Path) -> _Camera:
    return read_json(path, _Camera.model_validate_json, _AGAIN)


def _of_depth(camera: _Camera, shape: tuple[int, ...]) -> np.ndarray:
    matrix = pinhole(camera.fx, camera.fy, camera.cx, camera.cy)
    return resized(matrix, (camera.height, camera.width), shape)


def _pose(path: Path, camera: _Camera) -> np.ndarray:
    pose = camera.pose()
    require_rigid(path, pose, _AGAIN, "t_00 .. t_23")
    return from_opengl(pose)


LAYOUT = Layout(
    "polycam",
    "Polycam's raw data",
    "`keyframes` with `images`, `depth` and `cameras` (JSON)",
    fits,
    read,
)
