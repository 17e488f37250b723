"""ScanNet's `.sens` recordings (version 4): any frame of any file, one frame in memory."""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float, Float32, UInt8, UInt16

from hcfres.data.errors import DataError
from hcfres.data.sens.header import (
    COUNT,
    FETCH_AGAIN,
    FRAME_HEAD,
    IMU,
    ColourKind,
    DepthKind,
    SensHeader,
    SensRecord,
    pack_header,
    parse_header,
    require_lengths,
)
from hcfres.data.sens.images import decode_colour, decode_depth
from hcfres.data.sens.index import FileBytes, SensIndex, index_sens
from hcfres.store.errors import writing_failed

__all__ = [
    "IMU",
    "ColourKind",
    "DepthKind",
    "SensFile",
    "SensHeader",
    "SensIndex",
    "SensRecord",
    "index_sens",
    "open_sens",
    "write_sens",
]


class SensFile:
    """A recording opened for reading frames in any order; safe to read from several threads."""

    def __init__(self, index: SensIndex) -> None:
        self.index = index
        self._bytes = FileBytes(index.path)
        if self._bytes.size != index.size:
            self.close()
            raise DataError(index.path, "the file has changed since it was indexed", FETCH_AGAIN)

    @property
    def path(self) -> Path:
        """The file."""
        return self.index.path

    @property
    def header(self) -> SensHeader:
        """What holds for all frames."""
        return self.index.header

    def __len__(self) -> int:
        return len(self.index.offsets) - 1

    def __enter__(self) -> "SensFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._bytes.close()

    def pose(self, number: int) -> Float[np.ndarray, "4 4"]:
        """Camera to world of one frame, metres, as stored: not finite where tracking was lost."""
        return _pose(self._head(number))

    def record(self, number: int) -> SensRecord:
        """One frame as it is stored, its images not decoded."""
        head = self._head(number)
        colour_time, depth_time, colour_bytes, depth_bytes = head[16:]
        start = int(self.index.offsets[number]) + FRAME_HEAD.size
        payload = self._bytes.read(start, colour_bytes + depth_bytes)
        colour, depth = payload[:colour_bytes] or None, payload[colour_bytes:] or None
        return SensRecord(_pose(head), colour_time, depth_time, colour, depth)

    def colour(self, number: int) -> UInt8[np.ndarray, "height width 3"] | None:
        """One frame's colour image, RGB; None where it has none. The depth is not read.

        Raises:
            DataError: the image is broken, or not of the header's size.
        """
        colour_bytes, _ = self._head(number)[-2:]
        if colour_bytes == 0:
            return None
        payload = self._bytes.read(int(self.index.offsets[number]) + FRAME_HEAD.size, colour_bytes)
        kind, size = self.header.colour_kind, self.header.colour_size
        return decode_colour(payload, kind, size, self.path, f"frame {number}")

    def depth_counts(self, number: int) -> UInt16[np.ndarray, "height width"] | None:
        """One frame's depth as counted, `depth_shift` to a metre; None where it has none.

        Raises:
            DataError: the image is broken, or has not exactly the header's pixels.
        """
        colour_bytes, depth_bytes = self._head(number)[-2:]
        if depth_bytes == 0:
            return None
        start = int(self.index.offsets[number]) + FRAME_HEAD.size + colour_bytes
        payload = self._bytes.read(start, depth_bytes)
        kind, size = self.header.depth_kind, self.header.depth_size
        return decode_depth(payload, kind, size, self.path, f"frame {number}")

    def depth_m(self, number: int) -> Float32[np.ndarray, "height width"] | None:
        """One frame's depth in metres along z, 0 where nothing was seen; None where it has none."""
        counts = self.depth_counts(number)
        if counts is None:
            return None
        return counts.astype(np.float32) / np.float32(self.header.depth_shift)

    def imu(self) -> np.ndarray:
        """All records of the inertial sensor, of dtype `IMU`."""
        start = int(self.index.offsets[-1]) + COUNT.size
        count = self.index.imu
        if count == 0:
            return np.empty(0, IMU)
        return np.frombuffer(self._bytes.read(start, count * IMU.itemsize), IMU)

    def _head(self, number: int) -> tuple:
        if not 0 <= number < len(self):
            raise IndexError(f"{self.path} has frames 0 to {len(self) - 1}, not {number}")
        start, end = map(int, self.index.offsets[number : number + 2])
        head = FRAME_HEAD.unpack(self._bytes.read(start, FRAME_HEAD.size))
        if start + FRAME_HEAD.size + head[-2] + head[-1] != end:
            raise DataError(self.path, "the file has changed since it was indexed", FETCH_AGAIN)
        return head


def open_sens(path: Path) -> SensFile:
    """Open a recording for reading; one pass over the frames' heads finds where they are.

    Raises:
        DataError: as `index_sens`.
    """
    return SensFile(index_sens(path))


def write_sens(
    path: Path, header: SensHeader, records: Iterable[SensRecord], imu: np.ndarray | None = None
) -> int:
    """Write a recording, whole or not at all, holding one frame at a time; return their number.

    Args:
        imu: records of dtype `IMU`; none by default.

    Raises:
        DataError: a header or a payload's length that the reader would refuse.
        StoreError: the disk is full or refuses.
    """
    head = pack_header(header, 0)
    parse_header(path, lambda start, count: head[start : start + count], len(head))
    readings = np.empty(0, IMU) if imu is None else imu.astype(IMU)
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("xb") as file:
            file.write(head)
            count = _write_frames(file, path, header, records)
            file.write(COUNT.pack(len(readings)) + readings.tobytes())
            file.seek(len(head) - COUNT.size)
            file.write(COUNT.pack(count))
        beside.replace(path)
    except OSError as error:
        raise writing_failed(path, error) from error
    finally:
        beside.unlink(missing_ok=True)
    return count


def _write_frames(
    file: BinaryIO, path: Path, header: SensHeader, records: Iterable[SensRecord]
) -> int:
    count = 0
    for count, record in enumerate(records, 1):
        colour, depth = record.colour or b"", record.depth or b""
        require_lengths(path, f"frame {count - 1}", header, len(colour), len(depth))
        pose = record.pose.astype(np.float32).reshape(16).tolist()
        times = record.colour_time_us, record.depth_time_us
        file.write(FRAME_HEAD.pack(*pose, *times, len(colour), len(depth)))
        file.write(colour)
        file.write(depth)
    return count


def _pose(head: tuple) -> Float[np.ndarray, "4 4"]:
    return np.array(head[:16]).reshape(4, 4)
