"""Redwood's and Open3D's datasets: a colour folder, `depth`, and a trajectory in the `.log` form.

A pose belongs to the image of its number. Where images are numbered otherwise than poses and there
are as many, the n-th pose belongs to the n-th image. Where some have no partner, the depth decides.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from hcfres.data.captures.capture import Capture, Layout, Told
from hcfres.data.captures.clouds import only_cloud
from hcfres.data.captures.images import ImageFiles
from hcfres.data.captures.intrinsics import choose_intrinsics
from hcfres.data.captures.numbering import associated
from hcfres.data.errors import DataError
from hcfres.data.frames import COLOUR_SUFFIXES, DEPTH_SUFFIXES, numbered_files
from hcfres.data.trajectory import read_trajectory

COLOUR_FOLDERS = ("color", "image", "colour", "rgb")
FRAMES_HELP = "Give a folder with `color` (or `image`) and `depth`, files named by frame number"
_WITH_TIME = re.compile(r"(\d{1,9})-\d{1,15}")
_CAMERA = re.compile(r".*(camera|intrinsic).*\.json", re.IGNORECASE)
_TRAJECTORY = re.compile(r".*traj.*\.(log|txt)", re.IGNORECASE)


def fits(path: Path) -> bool:
    """Whether a folder has colour, depth and a trajectory."""
    images = (path / "depth").is_dir() and any((path / n).is_dir() for n in COLOUR_FOLDERS)
    return images and bool(_trajectories(path))


def read(path: Path, told: Told) -> Capture:
    """Read a dataset; the trajectory lies in the folder or one below it.

    Raises:
        DataError: as `read_frames`, or there are several trajectories or descriptions of a camera.
    """
    trajectories = _trajectories(path)
    if len(trajectories) != 1:
        names = ", ".join(str(p.relative_to(path)) for p in trajectories)
        reason = f"there are {len(trajectories)} trajectories: {names}"
        raise DataError(path, reason, "Say which one is meant: --frames, --poses")
    cameras = sorted(p for p in path.iterdir() if p.is_file() and _CAMERA.fullmatch(p.name))
    if told.intrinsics is None and len(cameras) > 1:
        names = ", ".join(p.name for p in cameras)
        raise DataError(path, f"several cameras: {names}", "Say which one: --intrinsics FILE")
    intrinsics = told.intrinsics or (cameras[0] if cameras else None)
    cloud = only_cloud(told.cloud, path, trajectories[0].parent)
    return read_frames(path, trajectories[0], Told(cloud, intrinsics, told.depth_unit_m))


def read_frames(path: Path, trajectory: Path, told: Told) -> Capture:
    """Read the images of a folder and the poses of a trajectory.

    Raises:
        DataError: a folder is missing, the trajectory is malformed, or no image has a pose.
    """
    images = ImageFiles(*_images(path), told.depth_unit_m or 0.001)
    by_number = read_trajectory(trajectory)
    indices = images.indices()
    if not indices:
        raise _incomplete(path, images, by_number)
    shape = images.depth(indices[0]).shape
    matrix, source = choose_intrinsics(told, shape, path / "depth")
    intrinsics = dict.fromkeys(indices, matrix)
    capture = Capture("Redwood", path, images, by_number, trajectory, intrinsics, (), told.cloud)
    found = associated(indices, by_number, capture.depth_frame)
    if not set(indices) & set(found.poses):
        raise _incomplete(path, images, by_number)
    remarks = (
        "Layout: Redwood / Open3D.",
        f"Poses: {len(by_number)}, camera to world, 4 x 4 matrices in OpenCV's axes; {found.rule}.",
        f"Depth: 16-bit, {1 / images.unit_m:g} counts a metre.",
        source,
    )
    return replace(capture, poses=found.poses, remarks=remarks)


def _incomplete(path: Path, images: ImageFiles, by_number: dict[int, np.ndarray]) -> DataError:
    """The error of a folder in which no frame has both images and a pose."""
    reason = (
        f"no frame is complete: {len(images.colours)} colour and {len(images.depths)} depth "
        f"images, {len(images.indices())} pairs, 0 of them with a pose among {len(by_number)}"
    )
    way_out = f"{FRAMES_HELP}; a pose belongs to the image whose number it has"
    return DataError(path, reason, way_out)


def _trajectories(path: Path) -> list[Path]:
    """Files of the folder that are called trajectories, else of the folders below it."""
    if not path.is_dir():
        return []
    for pattern in ("*", "*/*"):
        found = [p for p in sorted(path.glob(pattern)) if _TRAJECTORY.fullmatch(p.name)]
        if files := [p for p in found if p.is_file()]:
            return files
    return []


def _images(folder: Path) -> tuple[dict[int, Path], dict[int, Path]]:
    """Colour and depth files by frame number."""
    found = [folder / name for name in COLOUR_FOLDERS if (folder / name).is_dir()]
    if len(found) != 1:
        said = f"has {' and '.join(p.name for p in found)}" if found else "has no colour folder"
        raise DataError(folder, f"the folder {said}", FRAMES_HELP)
    return _numbered(found[0], COLOUR_SUFFIXES), _numbered(folder / "depth", DEPTH_SUFFIXES)


def _numbered(folder: Path, suffixes: tuple[str, ...]) -> dict[int, Path]:
    """Files by number; of a name such as 0000012-000000366667 the first number counts."""
    plain = numbered_files(folder, suffixes, FRAMES_HELP)
    if plain:
        return plain
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        name = _WITH_TIME.fullmatch(path.stem)
        if name is None or path.suffix.lower() not in suffixes:
            continue
        if int(name[1]) in found:
            reason = f"{found[int(name[1])].name} and {path.name} are the same frame"
            raise DataError(folder, reason, FRAMES_HELP)
        found[int(name[1])] = path
    return dict(sorted(found.items()))


LAYOUT = Layout(
    "redwood",
    "Redwood / Open3D",
    "`color` (or `image`), `depth`, and a trajectory (*traj*.log) there or one folder below",
    fits,
    read,
)
