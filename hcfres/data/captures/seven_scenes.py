"""A sequence of 7-Scenes: frame-N.color.png, frame-N.depth.png and frame-N.pose.txt in one folder.

Poses are camera to world; depth is in millimetres, 65535 where nothing was seen; K is that of the
Kinect as the dataset gives it, 585 / 585 / 320 / 240 at 640x480.
"""

import re
from pathlib import Path

import numpy as np

from hcfres.data.captures.capture import Capture, Layout, Told
from hcfres.data.captures.clouds import only_cloud
from hcfres.data.captures.images import ImageFiles
from hcfres.data.captures.intrinsics import DEFAULT_SIZE, choose_intrinsics, pinhole
from hcfres.data.errors import DataError
from hcfres.data.poses import read_matrix, require_rigid

_AGAIN = "Give the folder of one sequence (seq-01), unpacked"
_NAME = re.compile(r"frame-(\d{1,9})\.(color\.(?:png|jpg)|depth\.png|pose\.txt)", re.IGNORECASE)
INTRINSICS = pinhole(585.0, 585.0, 320.0, 240.0)


def fits(path: Path) -> bool:
    """Whether a folder has frames named as 7-Scenes names them."""
    if not path.is_dir():
        return False
    kinds = {found[2][:4].lower() for p in path.iterdir() if (found := _NAME.fullmatch(p.name))}
    return kinds == {"colo", "dept", "pose"}


def read(path: Path, told: Told) -> Capture:
    """Read a sequence.

    Raises:
        DataError: a pose is broken, or no frame has both images.
    """
    found: dict[str, dict[int, Path]] = {"colo": {}, "dept": {}, "pose": {}}
    for file in sorted(path.iterdir()):
        if name := _NAME.fullmatch(file.name):
            found[name[2][:4].lower()][int(name[1])] = file
    images = ImageFiles(found["colo"], found["dept"], told.depth_unit_m or 0.001)
    if not images.indices():
        counts = f"{len(found['colo'])} colour and {len(found['dept'])} depth images"
        raise DataError(path, f"no frame is complete: {counts}", _AGAIN)
    shape = images.depth(images.indices()[0]).shape
    known = INTRINSICS if shape == DEFAULT_SIZE else None
    matrix, source = choose_intrinsics(told, shape, path, known)
    poses = {index: _pose(file) for index, file in sorted(found["pose"].items())}
    remarks = (
        "Layout: 7-Scenes.",
        f"Poses: {len(poses)}, camera to world, 4 x 4 matrices in OpenCV's axes.",
        f"Depth: 16-bit, {1 / images.unit_m:g} counts a metre; 65535 is none.",
        source,
        "The colour images are not registered to the depth: they show nearly the same view.",
    )
    cloud = only_cloud(told.cloud, path)
    intrinsics = dict.fromkeys(images.indices(), matrix)
    return Capture("7-Scenes", path, images, poses, path, intrinsics, remarks, cloud)


def _pose(path: Path) -> np.ndarray:
    pose = read_matrix(path, _AGAIN)
    if np.isfinite(pose).all():
        require_rigid(path, pose, _AGAIN)
    return pose


LAYOUT = Layout(
    "7scenes",
    "7-Scenes",
    "frame-N.color.png, frame-N.depth.png and frame-N.pose.txt",
    fits,
    read,
)
