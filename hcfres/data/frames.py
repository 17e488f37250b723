"""Posed RGB-D frames of a scan, in any of the layouts of ScanNet frames."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from hcfres.data.calibration import read_rig, require_intrinsics
from hcfres.data.errors import DataError
from hcfres.data.files import write_bytes
from hcfres.data.frame_images import FETCH_AGAIN, MOST_PIXELS, image_size, read_colour, read_depth
from hcfres.data.frame_layouts import (
    COLOUR_SUFFIXES,
    DEPTH_SUFFIXES,
    FrameFiles,
    FrameLayout,
    layout_of,
)
from hcfres.data.poses import read_matrix, require_rigid, write_matrix
from hcfres.data.registration import register
from hcfres.data.scene import Frame

__all__ = [
    "COLOUR_SUFFIXES", "DEPTH_SUFFIXES", "MOST_PIXELS", "FrameListing", "frame_files",
    "list_frames", "numbered_files", "read_colour", "read_depth", "read_frame",
    "require_intrinsics", "survey_frames", "write_frame", "write_intrinsics",
]  # fmt: skip

_NO_DEPTH = (
    "without depth nobody knows where in the scene a pixel lies",
    "Extract the depth images too, for instance in SensReader's layout",
)
_MILLIMETRES = 1000.0


@dataclass(frozen=True)
class FrameListing:
    """The frames of a scan by what can be done with them, each ascending."""

    usable: tuple[int, ...]
    invalid: tuple[int, ...]
    """Frames whose pose is not finite: the tracker had lost them."""
    incomplete: tuple[int, ...]
    """Frames that lack an image or a pose; at most one, see `survey_frames`."""
    layout: str
    """What the frames' layout is called."""


def survey_frames(folder: Path, every: int = 1, way_out: str = FETCH_AGAIN) -> FrameListing:
    """Sort every `every`-th frame of the recording into usable and not.

    Frames that were not extracted are not missed: of every 10th frame on the disk, `every=10` is
    all of them.

    Raises:
        DataError: no layout, no frames, none with a number that `every` divides, no depth, a broken
            pose, or more than one frame that lacks one of its files (a scan's colour and depth
            counts may differ by one; more is a broken extraction).
    """
    layout = layout_of(folder, way_out)
    found = [kind.numbered(folder, way_out) for kind in layout.kinds]
    if found[0] and not found[1]:
        reason = f"{layout.name}: {len(found[0])} colour and no depth images; {_NO_DEPTH[0]}"
        raise DataError(folder / layout.depth.folder, reason, _NO_DEPTH[1])
    complete = sorted(set.intersection(*map(set, found)))
    incomplete = sorted(set.union(*map(set, found)) - set(complete))
    if len(incomplete) > 1 or not complete:
        counts = zip(found, ("color", "depth", "pose"), strict=True)
        said = ", ".join(f"{len(files)} {name}" for files, name in counts)
        raise DataError(folder, f"{len(complete)} complete frames: {said} files", way_out)
    chosen = layout.every(complete, every)
    if not chosen:
        reason = f"none of the {len(complete)} frames has a number that {every} divides"
        raise DataError(folder, reason, "Set data.frame_every of the setting to a divisor of them")
    valid = {i for i in chosen if np.isfinite(read_matrix(found[2][i], way_out)).all()}
    invalid = tuple(i for i in chosen if i not in valid)
    usable = tuple(i for i in chosen if i in valid)
    return FrameListing(usable, invalid, tuple(incomplete), layout.name)


def list_frames(folder: Path, every: int = 1) -> tuple[int, ...]:
    """Return the numbers of the usable frames; errors as `survey_frames`."""
    return survey_frames(folder, every).usable


def read_frame(folder: Path, index: int, size: tuple[int, int] | None = None) -> Frame:
    """Read one frame, its colour image registered to its depth image; depth stays as stored.

    Args:
        size: height and width of the colour image; None: its own.

    Raises:
        DataError: a file of the frame is missing, truncated or of the wrong kind, the pose is
            invalid, or the cameras' matrices cannot belong to the images.
    """
    layout = layout_of(folder, FETCH_AGAIN)
    colour = read_colour(layout.colour.find(folder, index, FETCH_AGAIN))
    depth = read_depth(_depth_file(folder, layout, index), 1 / _counts_to_a_metre(folder, layout))
    pose_file = layout.pose.find(folder, index, FETCH_AGAIN)
    pose = read_matrix(pose_file, FETCH_AGAIN)
    if not np.isfinite(pose).all():
        raise DataError(pose_file, "the pose is invalid: tracking was lost", "Leave this frame out")
    require_rigid(pose_file, pose, FETCH_AGAIN)
    sizes = (colour.shape[0], colour.shape[1]), (depth.shape[0], depth.shape[1])
    rig = read_rig(folder, layout, *sizes, FETCH_AGAIN)
    registered = register(colour, depth, rig, size)
    intrinsics = rig.depth.intrinsics
    return Frame(index, registered.colour, depth, intrinsics, pose, registered.seen)


def frame_files(folder: Path, indices: tuple[int, ...]) -> tuple[Path, ...]:
    """Name the files that decide what `read_frame` returns for `indices`.

    The colour camera's matrices are among them where they move a pixel; the first of the frames
    tells that for all.
    """
    layout = layout_of(folder, FETCH_AGAIN)
    found = [kind.numbered(folder, FETCH_AGAIN) for kind in layout.kinds]
    matrices = layout.calibration_files(folder)
    if indices and matrices[0].exists():
        colour, depth = (image_size(files[indices[0]]) for files in found[:2])
        if read_rig(folder, layout, colour, depth, FETCH_AGAIN).registered:
            matrices = matrices[:1]
    return (*matrices, *(files[index] for index in indices for files in found))


def write_frame(folder: Path, frame: Frame, quality: int = 95) -> None:
    """Write one frame: JPEG, 16-bit PNG in millimetres, pose with six decimals.

    A pose that is not finite is written as 16 times -inf, as for a frame whose tracking was lost.

    Raises:
        ValueError: a depth below 0 or beyond the format's 65.535 m, or not finite.
    """
    millimetres = np.rint(frame.depth.astype(np.float64) * _MILLIMETRES)
    if not ((millimetres >= 0) & (millimetres <= 65535)).all():
        raise ValueError(f"frame {frame.index}: depth is 0..65.535 m in a 16-bit PNG")
    colour = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame.colour)).save(colour, "JPEG", quality=quality)
    depth = io.BytesIO()
    Image.fromarray(millimetres.astype(np.uint16)).save(depth, "PNG", compress_level=3)
    pose = frame.camera_to_world
    if not np.isfinite(pose).all():
        pose = np.full((4, 4), -np.inf)
    write_bytes(folder / "color" / f"{frame.index}.jpg", colour.getvalue())
    write_bytes(folder / "depth" / f"{frame.index}.png", depth.getvalue())
    write_matrix(folder / "pose" / f"{frame.index}.txt", pose)


def write_intrinsics(
    folder: Path, colour: Float[np.ndarray, "3 3"], depth: Float[np.ndarray, "3 3"]
) -> None:
    """Write the four files of `intrinsic/`: K of both images, and both extrinsics, the identity."""
    for name, intrinsics in (("color", colour), ("depth", depth)):
        matrix = np.eye(4)
        matrix[:3, :3] = intrinsics
        write_matrix(folder / "intrinsic" / f"intrinsic_{name}.txt", matrix)
        write_matrix(folder / "intrinsic" / f"extrinsic_{name}.txt", np.eye(4))


def numbered_files(folder: Path, suffixes: tuple[str, ...], way_out: str = "") -> dict[int, Path]:
    """Find the files whose stem is a number (leading zeros or not), by number, ascending.

    Raises:
        DataError: no such folder, or two files with one number.
    """
    return FrameFiles("", "", suffixes).numbered(folder, way_out)


def _depth_file(folder: Path, layout: FrameLayout, index: int) -> Path:
    try:
        return layout.depth.find(folder, index, FETCH_AGAIN)
    except DataError as error:
        if layout.depth.numbered(folder, FETCH_AGAIN):
            raise
        reason = f"{layout.name}: {error.reason}; {_NO_DEPTH[0]}"
        raise DataError(error.source, reason, _NO_DEPTH[1]) from None


def _counts_to_a_metre(folder: Path, layout: FrameLayout) -> float:
    entry = layout.depth_shift
    text = entry.text(folder, FETCH_AGAIN) if entry else None
    if entry is None or text is None:
        return _MILLIMETRES
    try:
        shift = float(text)
    except ValueError:
        shift = 0.0
    if not 1 <= shift <= 1e6:
        reason = f"counts to a metre are 1..1000000, found {text[:60]!r}"
        raise DataError(entry.path(folder), reason, FETCH_AGAIN, entry.key)
    return shift
