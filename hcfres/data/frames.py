"""Posed RGB-D frames in the layout of ScanNet's SensReader: color, depth, pose, intrinsic."""

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from hcfres.data.errors import DataError
from hcfres.data.files import read_bytes, write_bytes
from hcfres.data.poses import read_matrix, require_rigid, write_matrix
from hcfres.data.scene import Frame

COLOUR_SUFFIXES = (".jpg", ".jpeg", ".png")
DEPTH_SUFFIXES = (".png",)
MOST_PIXELS = 1 << 26
_BROKEN_IMAGE = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip
_FETCH_AGAIN = "Extract or copy the frames of this scan again"


@dataclass(frozen=True)
class FrameListing:
    """The frames of a scan by what can be done with them, each ascending."""

    usable: tuple[int, ...]
    invalid: tuple[int, ...]
    """Frames whose pose is not finite: the tracker had lost them."""
    incomplete: tuple[int, ...]
    """Frames that lack an image or a pose; at most one, see `survey_frames`."""


def survey_frames(folder: Path, every: int = 1, way_out: str = _FETCH_AGAIN) -> FrameListing:
    """Sort every `every`-th frame on the disk into usable and not; numbers keep their meaning.

    Raises:
        DataError: no frames, a broken pose, or more than one frame that lacks one of its files
            (a scan's colour and depth counts may differ by one; more is a broken extraction).
    """
    kinds = (("color", COLOUR_SUFFIXES), ("depth", DEPTH_SUFFIXES), ("pose", (".txt",)))
    found = [numbered_files(folder / name, suffixes, way_out) for name, suffixes in kinds]
    complete = sorted(set.intersection(*map(set, found)))
    incomplete = sorted(set.union(*map(set, found)) - set(complete))
    if len(incomplete) > 1 or not complete:
        counts = ", ".join(f"{len(f)} {name}" for f, (name, _) in zip(found, kinds, strict=True))
        raise DataError(folder, f"{len(complete)} complete frames: {counts} files", way_out)
    chosen = complete[::every]
    valid = {i for i in chosen if np.isfinite(read_matrix(found[2][i], way_out)).all()}
    invalid = tuple(i for i in chosen if i not in valid)
    return FrameListing(tuple(i for i in chosen if i in valid), invalid, tuple(incomplete))


def list_frames(folder: Path, every: int = 1) -> tuple[int, ...]:
    """Return the numbers of the usable frames; errors as `survey_frames`."""
    return survey_frames(folder, every).usable


def read_frame(folder: Path, index: int, size: tuple[int, int] | None = None) -> Frame:
    """Read one frame; `size` (height, width) resamples the colour image, depth stays as stored.

    Raises:
        DataError: a file of the frame is missing, truncated or of the wrong kind, or the pose is
            invalid.
    """
    colour = read_colour(_file(folder / "color", index, COLOUR_SUFFIXES), size)
    depth = read_depth(_file(folder / "depth", index, DEPTH_SUFFIXES))
    pose_file = _file(folder / "pose", index, (".txt",))
    pose = read_matrix(pose_file, _FETCH_AGAIN)
    if not np.isfinite(pose).all():
        raise DataError(pose_file, "the pose is invalid: tracking was lost", "Leave this frame out")
    require_rigid(pose_file, pose, _FETCH_AGAIN)
    intrinsics_file = folder / "intrinsic" / "intrinsic_depth.txt"
    intrinsics = read_matrix(intrinsics_file, _FETCH_AGAIN)[:3, :3]
    require_intrinsics(intrinsics_file, intrinsics, depth.shape)
    return Frame(index, colour, depth, intrinsics, pose)


def read_colour(
    path: Path, size: tuple[int, int] | None = None
) -> UInt8[np.ndarray, "height width 3"]:
    """Read an RGB image, resampled to `size` (height, width) if given."""
    image = _image(path)
    try:
        image = image.convert("RGB")
        if size is not None and image.size != (size[1], size[0]):
            image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        return np.asarray(image)
    except _BROKEN_IMAGE as error:
        raise DataError(path, f"the image is broken ({error})", _FETCH_AGAIN) from error


def read_depth(path: Path, unit_m: float = 0.001) -> Float[np.ndarray, "height width"]:
    """Read a 16-bit greyscale image as metres, `unit_m` to a count; 0 where nothing was seen."""
    image = _image(path)
    if image.mode not in ("I;16", "I;16L", "I;16B", "I"):
        reason = f"depth is a 16-bit greyscale image; found mode {image.mode}"
        raise DataError(path, reason, "Write millimetres as 16-bit PNG")
    return np.asarray(image).astype(np.float32) * np.float32(unit_m)


def require_intrinsics(path: Path | str, intrinsics: np.ndarray, shape: tuple[int, ...]) -> None:
    """Refuse a K that cannot belong to an image of (height, width) `shape`."""
    (fx, _, mx), (_, fy, my) = intrinsics[:2]
    finite = bool(np.isfinite(intrinsics).all())
    if finite and fx > 0 and fy > 0 and 0 < mx < shape[1] and 0 < my < shape[0]:
        return
    reason = (
        f"fx {fx:g}, fy {fy:g}, mx {mx:g}, my {my:g} are not those of {shape[1]}x{shape[0]} depth"
    )
    raise DataError(path, reason, "Give the intrinsics of the depth images, in their pixels")


def write_frame(folder: Path, frame: Frame, quality: int = 95) -> None:
    """Write one frame: JPEG, 16-bit PNG in millimetres, pose with six decimals.

    A pose that is not finite is written as 16 times -inf, as for a frame whose tracking was lost.

    Raises:
        ValueError: a depth below 0 or beyond the format's 65.535 m, or not finite.
    """
    millimetres = np.rint(frame.depth.astype(np.float64) * 1000)
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
    if not folder.is_dir():
        raise DataError(folder, "there is no such folder", way_out)
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes or not (path.stem.isascii() and path.stem.isdigit()):
            continue
        if int(path.stem) in found:
            other = found[int(path.stem)].name
            raise DataError(folder, f"{other} and {path.name} are the same frame", way_out)
        found[int(path.stem)] = path
    return dict(sorted(found.items()))


def _file(folder: Path, index: int, suffixes: tuple[str, ...]) -> Path:
    plain = folder / f"{index}{suffixes[0]}"
    if plain.exists():
        return plain
    found = numbered_files(folder, suffixes, _FETCH_AGAIN)
    if index not in found:
        raise DataError(folder, f"there is no frame {index}", _FETCH_AGAIN)
    return found[index]


def _image(path: Path) -> Image.Image:
    content = read_bytes(path, _FETCH_AGAIN)
    try:
        image = Image.open(io.BytesIO(content), formats=("JPEG", "PNG"))
        if image.size[0] * image.size[1] > MOST_PIXELS:
            raise DataError(path, f"{image.size[0]}x{image.size[1]} pixels are too many")
        image.load()
    except DataError:
        raise
    except _BROKEN_IMAGE as error:
        raise DataError(path, f"the image is broken ({error})", _FETCH_AGAIN) from error
    return image


def frame_files(folder: Path, indices: tuple[int, ...]) -> tuple[Path, ...]:
    """Name the files that decide what `read_frame` returns for `indices`."""
    kinds = (("color", COLOUR_SUFFIXES), ("depth", DEPTH_SUFFIXES), ("pose", (".txt",)))
    found = [numbered_files(folder / name, suffixes, _FETCH_AGAIN) for name, suffixes in kinds]
    intrinsics = folder / "intrinsic" / "intrinsic_depth.txt"
    return (intrinsics, *(files[index] for index in indices for files in found))
