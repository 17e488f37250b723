"""A tiny `.sens` recording, valid in every byte: seed of the tests that break it."""

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from hcfres.data.sens.recording import IMU, SensFile, SensHeader, SensRecord, write_sens

COLOUR_SIZE = (12, 16)
DEPTH_SIZE = (6, 8)
LOST = 1
"""The frame whose pose is sixteen times -inf."""
ColourKind = Literal["raw", "png", "jpeg"]
DepthKind = Literal["raw", "zlib"]


def small_sens(
    path: Path, frames: int = 3, colour: ColourKind = "jpeg", depth: DepthKind = "zlib"
) -> Path:
    """Write it: under 4 kB with three frames, the second lost, and two IMU records."""
    records = (
        SensRecord(
            pose=small_pose(number),
            colour_time_us=1000 * number,
            depth_time_us=1000 * number + 1,
            colour=colour_payload(number, colour),
            depth=depth_payload(small_depth(number), depth),
        )
        for number in range(frames)
    )
    write_sens(path, small_header(colour, depth), records, small_imu())
    return path


def small_header(
    colour: ColourKind = "jpeg", depth: DepthKind = "zlib", shift: float = 1000.0
) -> SensHeader:
    return SensHeader(
        sensor="StructureSensor",
        colour_intrinsics=intrinsics(14.5, COLOUR_SIZE),
        colour_extrinsics=np.eye(4),
        depth_intrinsics=intrinsics(7.25, DEPTH_SIZE),
        depth_extrinsics=np.eye(4),
        colour_kind=colour,
        depth_kind=depth,
        colour_size=COLOUR_SIZE,
        depth_size=DEPTH_SIZE,
        depth_shift=shift,
    )


def intrinsics(focal: float, size: tuple[int, int]) -> np.ndarray:
    matrix = np.diag([focal, focal, 1.0, 1.0])
    matrix[:2, 2] = (size[1] - 1) / 2, (size[0] - 1) / 2
    return matrix


def small_pose(number: int) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, 3] = 0.5, -0.25, 0.125 * number
    return np.full((4, 4), -np.inf) if number == LOST else pose


def small_colour(number: int) -> np.ndarray:
    height, width = COLOUR_SIZE
    row, column = np.mgrid[:height, :width]
    return np.stack([row * 20, column * 15, row * 0 + 40 * number], axis=-1).astype(np.uint8)


def small_depth(number: int) -> np.ndarray:
    counts = np.arange(np.prod(DEPTH_SIZE), dtype=np.uint16).reshape(DEPTH_SIZE)
    return counts * 300 + number


def colour_payload(number: int, kind: ColourKind) -> bytes:
    pixels, content = small_colour(number), io.BytesIO()
    if kind == "raw":
        return pixels.tobytes()
    Image.fromarray(pixels).save(content, kind.upper(), quality=95)
    return content.getvalue()


def depth_payload(counts: np.ndarray, kind: DepthKind) -> bytes:
    rows = counts.astype("<u2").tobytes()
    return rows if kind == "raw" else zlib.compress(rows)


def small_imu() -> np.ndarray:
    imu = np.zeros(2, IMU)
    imu["gravity"] = 0, 0, -9.81
    imu["time_us"] = 10, 20
    return imu


def every_reading(sens: SensFile) -> Iterator[object]:
    """Ask an opened recording for everything it has, one answer at a time."""
    yield sens.imu()
    for number in range(len(sens)):
        for name in ("pose", "record", "colour", "depth_counts", "depth_m"):
            yield getattr(sens, name)(number)
