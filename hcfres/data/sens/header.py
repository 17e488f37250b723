"""The parts of a `.sens` file (version 4) whose layout is fixed: its header, what stands before
each frame, and the IMU's records. Little-endian, tightly packed, matrices row by row."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from jaxtyping import Float

from hcfres.data.errors import DataError

Kind = TypeVar("Kind")

VERSION = 4
LONGEST_NAME = 1 << 12
MOST_PIXELS = 1 << 26
MOST_FRAMES = 1 << 22
"""Almost two days at 30 frames a second; the longest scan of ScanNet has 8,268 frames."""
MOST_COUNTS = 1_000_000
COMPRESSED_SLACK = 1 << 20
"""Bytes that a compressed image may take beyond twice its uncompressed size."""
FETCH_AGAIN = "Fetch the file again"
_CONVERT = "Only version 4 is read, which every .sens of ScanNet v2 is"

FRAME_HEAD = struct.Struct("<16f4Q")
"""Camera to world, colour and depth time stamps (us), bytes of the colour and depth payloads."""
COUNT = struct.Struct("<Q")
_HEAD = struct.Struct("<IQ")
_TAIL = struct.Struct("<64f2i4IfQ")
SMALLEST = _HEAD.size + _TAIL.size

IMU = np.dtype(
    [
        ("rotation_rate", "<f8", 3),
        ("acceleration", "<f8", 3),
        ("magnetic_field", "<f8", 3),
        ("attitude", "<f8", 3),
        ("gravity", "<f8", 3),
        ("time_us", "<u8"),
    ]
)
"""One record of the inertial sensor; attitude is roll, pitch, yaw."""

ColourKind = Literal["raw", "png", "jpeg"]
DepthKind = Literal["raw", "zlib"]
Read = Callable[[int, int], bytes]
"""From an offset, so many bytes, all of them or a DataError."""

_COLOUR_KINDS: dict[int, ColourKind] = {0: "raw", 1: "png", 2: "jpeg"}
_DEPTH_KINDS: dict[int, DepthKind] = {0: "raw", 1: "zlib"}


@dataclass(frozen=True)
class SensHeader:
    """The camera of a recording: what holds for all its frames."""

    sensor: str
    colour_intrinsics: Float[np.ndarray, "4 4"]
    """K of the colour images, in their pixels, in the upper left 3 x 3."""
    colour_extrinsics: Float[np.ndarray, "4 4"]
    depth_intrinsics: Float[np.ndarray, "4 4"]
    depth_extrinsics: Float[np.ndarray, "4 4"]
    """Depth camera to colour camera."""
    colour_kind: ColourKind
    depth_kind: DepthKind
    colour_size: tuple[int, int]
    """Height, width."""
    depth_size: tuple[int, int]
    depth_shift: float
    """Counts of the depth images to a metre; 1000 in ScanNet."""


@dataclass(frozen=True)
class SensRecord:
    """One frame as it is stored."""

    pose: Float[np.ndarray, "4 4"]
    """Camera to world, metres; not finite where tracking was lost."""
    colour_time_us: int
    """Often 0 or not ascending: of no use for sorting."""
    depth_time_us: int
    colour: bytes | None
    """The whole stream of a JPEG or PNG image, or raw RGB rows; None where there is none."""
    depth: bytes | None
    """Little-endian 16-bit rows, as a zlib stream or raw; None where there is none."""


def parse_header(path: Path, read: Read, size: int) -> tuple[SensHeader, int, int]:
    """Return the header, the number of frames it promises, and where the first one starts.

    Raises:
        DataError: another version, a compression that is not read, or numbers that the file's
            `size` in bytes, or common sense, rule out.
    """
    if size < SMALLEST:
        reason = f"{size} bytes are fewer than the {SMALLEST} of the shortest header"
        raise DataError(path, reason, FETCH_AGAIN)
    version, length = _HEAD.unpack(read(0, _HEAD.size))
    if version != VERSION:
        raise DataError(path, _about_version(version), _CONVERT, "byte 0")
    if length > min(LONGEST_NAME, size - SMALLEST):
        raise DataError(path, f"a sensor's name of {length} bytes", FETCH_AGAIN, "byte 4")
    name = read(_HEAD.size, length)
    start = _HEAD.size + length
    numbers = _TAIL.unpack(read(start, _TAIL.size))
    header = _header(path, name, numbers)
    frames, first = numbers[-1], start + _TAIL.size
    if frames > min(MOST_FRAMES, (size - first) // FRAME_HEAD.size):
        reason = f"{frames} frames cannot be in the {size - first} bytes that follow"
        raise DataError(path, reason, FETCH_AGAIN, f"byte {first - COUNT.size}")
    return header, frames, first


def pack_header(header: SensHeader, frames: int) -> bytes:
    """The bytes of a header; its last eight are the number of frames."""
    name = header.sensor.encode()
    matrices = np.stack(
        [
            header.colour_intrinsics, header.colour_extrinsics,
            header.depth_intrinsics, header.depth_extrinsics,
        ]
    )  # fmt: skip
    return (
        _HEAD.pack(VERSION, len(name))
        + name
        + _TAIL.pack(
            *matrices.astype(np.float32).reshape(-1).tolist(),
            _number(_COLOUR_KINDS, header.colour_kind),
            _number(_DEPTH_KINDS, header.depth_kind),
            *header.colour_size[::-1],
            *header.depth_size[::-1],
            header.depth_shift,
            frames,
        )
    )


def require_lengths(
    path: Path, place: str, header: SensHeader, colour_bytes: int, depth_bytes: int
) -> None:
    """Refuse payloads of lengths that no image of the header's sizes has; 0 is no image.

    Raises:
        DataError: names the frame, the length and what it can be at most.
    """
    for name, kind, (height, width), unit, length in (
        ("colour", header.colour_kind, header.colour_size, 3, colour_bytes),
        ("depth", header.depth_kind, header.depth_size, 2, depth_bytes),
    ):
        whole = height * width * unit
        most = whole if kind == "raw" else 2 * whole + COMPRESSED_SLACK
        if length > most or (kind == "raw" and length not in (0, whole)):
            reason = f"{length} bytes of {kind} {name} for {width}x{height} pixels"
            raise DataError(path, reason, FETCH_AGAIN, place)


def _header(path: Path, name: bytes, numbers: tuple) -> SensHeader:
    matrices = np.array(numbers[:64]).reshape(4, 4, 4)
    colour, depth, width, height, depth_width, depth_height, shift, _ = numbers[64:]
    after = _HEAD.size + len(name)
    if not np.isfinite(matrices).all():
        raise DataError(path, "a camera matrix is not finite", FETCH_AGAIN, f"byte {after}")
    if 0 in (width, height, depth_width, depth_height):
        reason = f"{width}x{height} colour and {depth_width}x{depth_height} depth: 0 is no size"
        raise DataError(path, reason, FETCH_AGAIN, f"byte {after + 264}")
    if max(width * height, depth_width * depth_height) > MOST_PIXELS:
        reason = f"{width}x{height} colour and {depth_width}x{depth_height} depth are too large"
        raise DataError(path, reason, FETCH_AGAIN, f"byte {after + 264}")
    if not 1 <= shift <= MOST_COUNTS:
        reason = f"depthShift is {shift:g}: a metre has 1 to {MOST_COUNTS} counts"
        raise DataError(path, reason, FETCH_AGAIN, f"byte {after + 280}")
    return SensHeader(
        sensor=_name(path, name),
        colour_intrinsics=matrices[0],
        colour_extrinsics=matrices[1],
        depth_intrinsics=matrices[2],
        depth_extrinsics=matrices[3],
        colour_kind=_kind(path, "colour", _COLOUR_KINDS, colour, after + 256),
        depth_kind=_kind(path, "depth", _DEPTH_KINDS, depth, after + 260),
        colour_size=(height, width),
        depth_size=(depth_height, depth_width),
        depth_shift=shift,
    )


def _about_version(version: int) -> str:
    if version < VERSION - 1:
        return f"version {version} is the older .sensor format"
    if version == VERSION - 1:
        return f"version {version}, from before the IMU's records"
    return f"version {version}: this is not a .sens file"


def _name(path: Path, name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise DataError(path, "the sensor's name is not text", FETCH_AGAIN, "byte 12") from None


def _kind(path: Path, of: str, kinds: dict[int, Kind], number: int, byte: int) -> Kind:
    if number in kinds:
        return kinds[number]
    meant = "unknown"
    if of == "depth" and number == 2:
        meant = "occi, which only its maker's library decodes"
    known = ", ".join(f"{value} {kind}" for value, kind in kinds.items())
    reason = f"{of} compression {number} is {meant}; read are {known}"
    raise DataError(path, reason, "Record or convert it with one of these", f"byte {byte}")


def _number(kinds: dict[int, Kind], kind: Kind) -> int:
    return next(number for number, known in kinds.items() if known == kind)
