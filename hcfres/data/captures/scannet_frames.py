"""Frames of ScanNet, in any of the layouts they are extracted to, beside the scan's mesh.

Poses are camera to world, -inf where tracking was lost. The mesh is the scan's `_vh_clean_2.ply`,
beside the frames or in `scans` of the dataset.
"""

from pathlib import Path

import numpy as np

from hcfres.data.captures.capture import Capture, Layout, Told
from hcfres.data.captures.clouds import only_cloud
from hcfres.data.captures.images import ScanNetImages
from hcfres.data.captures.intrinsics import choose_intrinsics
from hcfres.data.errors import DataError
from hcfres.data.frame_layouts import FrameLayout, layout_of
from hcfres.data.poses import read_matrix, require_rigid

MESH = "_vh_clean_2.ply"
_AGAIN = "Extract the frames of this scan again"


def fits(path: Path) -> bool:
    """Whether a folder has colour, depth and poses where one of the layouts has them."""
    try:
        layout = layout_of(path)
        return all(kind.numbered(path) for kind in layout.kinds)
    except DataError:
        return False


def read(path: Path, told: Told) -> Capture:
    """Read the frames of a scan.

    Raises:
        DataError: a pose or K is broken or missing, or no frame is complete.
    """
    layout = layout_of(path, _AGAIN)
    colours, depths, files = (kind.numbered(path, _AGAIN) for kind in layout.kinds)
    unit = told.depth_unit_m or _unit_m(path, layout)
    images = ScanNetImages(colours, depths, unit, path, layout)
    if not set(images.indices()) & set(files):
        counts = f"{len(colours)} colour, {len(depths)} depth, {len(files)} pose files"
        raise DataError(path, f"no frame is complete: {counts}", _AGAIN)
    poses = {index: _pose(file) for index, file in files.items()}
    shape = images.depth(images.indices()[0]).shape
    entry = layout.depth_intrinsics
    known = entry.matrix(path, _AGAIN)
    known = None if known is None else known[:3, :3]
    matrix, source = choose_intrinsics(told, shape, entry.path(path), known)
    lost = sum(not np.isfinite(pose).all() for pose in poses.values())
    remarks = (
        f"Layout: ScanNet, {layout.name}.",
        f"Poses: {len(poses)}, camera to world, 4 x 4 matrices in OpenCV's axes; {lost} are lost.",
        f"Depth: 16-bit, {1 / unit:g} counts a metre.",
        source,
    )
    cloud, up = _mesh(path, told.cloud)
    intrinsics = dict.fromkeys(images.indices(), matrix)
    place = path / layout.pose.folder
    return Capture("ScanNet", path, images, poses, place, intrinsics, remarks, cloud, up)


def scan_mesh(folder: Path) -> Path | None:
    """The scan's `_vh_clean_2.ply` in a folder, None where there is not exactly one."""
    found = sorted(folder.glob(f"*{MESH}")) if folder.is_dir() else []
    return found[0] if len(found) == 1 else None


def _mesh(path: Path, told: Path | None) -> tuple[Path | None, tuple[float, float, float] | None]:
    """The mesh, and up where it is a scan of ScanNet, which is known to stand upright."""
    place = path.resolve()
    around = (place, place.parent.parent / "scans" / place.name)
    mesh = None if told else next(filter(None, map(scan_mesh, around)), None)
    if mesh is not None:
        return mesh, (0.0, 0.0, 1.0)
    return only_cloud(told, path), None


def _unit_m(path: Path, layout: FrameLayout) -> float:
    """Metres to one count of a depth image."""
    text = layout.depth_shift.text(path, _AGAIN) if layout.depth_shift else None
    try:
        counts = 1000.0 if text is None else float(text)
    except ValueError:
        counts = 0.0
    if not 1 <= counts <= 1e6:
        raise DataError(path, f"counts to a metre are 1..1000000, found {text!r}", _AGAIN)
    return 1 / counts


def _pose(path: Path) -> np.ndarray:
    pose = read_matrix(path, _AGAIN)
    if np.isfinite(pose).all():
        require_rigid(path, pose, _AGAIN)
    return pose


LAYOUT = Layout(
    "scannet",
    "ScanNet's frames",
    "`color`, `depth`, `pose` and `intrinsic`, or another of ScanNet's frame layouts",
    fits,
    read,
)
