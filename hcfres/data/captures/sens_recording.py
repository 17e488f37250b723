"""A ScanNet recording as it is, `.sens`: nothing has to be extracted."""

from pathlib import Path

import numpy as np

from hcfres.data.captures.capture import Capture, Layout, Told
from hcfres.data.captures.clouds import only_cloud
from hcfres.data.captures.intrinsics import choose_intrinsics
from hcfres.data.captures.scannet_frames import scan_mesh
from hcfres.data.captures.sens_images import SensImages
from hcfres.data.errors import DataError
from hcfres.data.poses import require_rigid
from hcfres.data.sens.header import FRAME_HEAD
from hcfres.data.sens.recording import open_sens

_AGAIN = "Fetch the file again"


def fits(path: Path) -> bool:
    """Whether a path is a `.sens` file, or a folder with exactly one."""
    return _recording(path) is not None


def read(path: Path, told: Told) -> Capture:
    """Read a recording's header and poses; its images are read when they are asked for.

    Raises:
        DataError: the recording is broken, or no frame has images.
    """
    file = _recording(path)
    if file is None:
        raise DataError(path, "there is no .sens file here, or several", "Name the file itself")
    with open_sens(file) as sens:
        header = sens.header
        full = np.diff(sens.index.offsets) > FRAME_HEAD.size
        poses = {index: sens.pose(index) for index in range(len(sens))}
    for index, pose in poses.items():
        if np.isfinite(pose).all():
            require_rigid(file, pose, _AGAIN, f"frame {index}")
    frames = tuple(np.flatnonzero(full).tolist())
    if not frames:
        raise DataError(file, "no frame has images", _AGAIN)
    known = np.asarray(header.depth_intrinsics[:3, :3])
    matrix, source = choose_intrinsics(told, header.depth_size, file, known)
    unit = told.depth_unit_m or 1 / header.depth_shift
    lost = sum(not np.isfinite(pose).all() for pose in poses.values())
    remarks = (
        f"Layout: .sens recording of {header.sensor or 'an unnamed sensor'}.",
        f"Poses: {len(poses)}, camera to world, 4 x 4 matrices in OpenCV's axes; {lost} are lost.",
        f"Depth: 16-bit, {1 / unit:g} counts a metre.",
        source,
    )
    mesh = None if told.cloud else scan_mesh(file.parent)
    cloud = mesh or only_cloud(told.cloud, *([path] if path.is_dir() else []))
    up = (0.0, 0.0, 1.0) if mesh else None
    images = SensImages(file, unit, frames)
    intrinsics = dict.fromkeys(frames, matrix)
    return Capture(".sens", file, images, poses, file, intrinsics, remarks, cloud, up)


def _recording(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix.lower() == ".sens" else None
    found = [p for p in path.glob("*.sens") if p.is_file()] if path.is_dir() else []
    return found[0] if len(found) == 1 else None


LAYOUT = Layout("sens", ".sens recording", "a .sens file", fits, read)
