"""A sequence of the TUM RGB-D benchmark: rgb.txt, depth.txt and groundtruth.txt with time stamps.

The lists have a time and a file's name a line, the trajectory a time and tx ty tz qx qy qz qw,
camera to world. Depth is 16-bit, 5000 counts a metre, registered to the colour image.
"""

from pathlib import Path

import numpy as np

from hcfres.data.captures.capture import Capture, Layout, Told
from hcfres.data.captures.clouds import only_cloud
from hcfres.data.captures.images import ImageFiles
from hcfres.data.captures.intrinsics import choose_intrinsics
from hcfres.data.captures.stamps import (
    LARGEST_GAP_S,
    StampedFiles,
    pairs,
    read_stamped_files,
    read_stamped_poses,
)
from hcfres.data.errors import DataError

UNIT_M = 1 / 5000
_TRAJECTORIES = ("groundtruth.txt", "trajectory.txt", "CameraTrajectory.txt")
_AGAIN = "Give the folder of one sequence, unpacked"


def fits(path: Path) -> bool:
    """Whether a folder has the three files."""
    listed = all((path / name).is_file() for name in ("rgb.txt", "depth.txt"))
    return listed and any((path / name).is_file() for name in _TRAJECTORIES)


def read(path: Path, told: Told) -> Capture:
    """Read a sequence; frames are numbered as depth.txt lists them, from 0.

    Raises:
        DataError: a list or the trajectory is broken; or no images and poses belong together.
    """
    colour, depth = (read_stamped_files(path / name) for name in ("rgb.txt", "depth.txt"))
    trajectory = next(path / name for name in _TRAJECTORIES if (path / name).is_file())
    poses = read_stamped_poses(trajectory).at(depth.times)
    together = pairs(depth.times, colour.times)
    images = ImageFiles(
        {int(d): colour.paths[c] for d, c in together},
        {int(d): depth.paths[d] for d, _ in together},
        told.depth_unit_m or UNIT_M,
    )
    if not set(images.indices()) & set(poses):
        raise DataError(path, _disjoint(colour, depth, len(poses)), _AGAIN)
    shape = images.depth(images.indices()[0]).shape
    matrix, source = choose_intrinsics(told, shape, path)
    posed = sum(i in poses for i in images.indices())
    remarks = (
        "Layout: TUM RGB-D.",
        f"Poses: camera to world, tx ty tz qx qy qz qw, in OpenCV's axes, from {trajectory.name}.",
        f"Time stamps: {len(together)} of {len(depth.times)} depth images have a colour image "
        f"within {1000 * LARGEST_GAP_S:.0f} ms ({_apart(colour, depth, together):.0f} ms in the "
        f"median), {posed} of these a pose; {len(together) - posed} lie in gaps of the trajectory.",
        f"Depth: 16-bit, {1 / images.unit_m:g} counts a metre.",
        source,
    )
    intrinsics = dict.fromkeys(images.indices(), matrix)
    cloud = only_cloud(told.cloud, path)
    return Capture("TUM RGB-D", path, images, poses, trajectory, intrinsics, remarks, cloud)


def _apart(colour: StampedFiles, depth: StampedFiles, together: np.ndarray) -> float:
    """Milliseconds between the images of a pair, in the median."""
    return 1000 * float(
        np.median(np.abs(depth.times[together[:, 0]] - colour.times[together[:, 1]]))
    )


def _disjoint(colour: StampedFiles, depth: StampedFiles, posed: int) -> str:
    span = f"colour {_span(colour)}, depth {_span(depth)}"
    return f"no colour image, depth image and pose belong together: {span}, {posed} poses in reach"


def _span(files: StampedFiles) -> str:
    return f"{files.times[0]:.2f} .. {files.times[-1]:.2f} s"


LAYOUT = Layout(
    "tum",
    "TUM RGB-D",
    "rgb.txt, depth.txt and groundtruth.txt",
    fits,
    read,
)
