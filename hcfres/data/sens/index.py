"""Where everything is in a `.sens` file, from one pass over what stands before each frame."""

import os
import struct
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from hcfres.data.errors import DataError
from hcfres.data.sens.header import (
    COUNT,
    FETCH_AGAIN,
    FRAME_HEAD,
    IMU,
    SensHeader,
    parse_header,
    require_lengths,
)

_LENGTHS = struct.Struct("<2Q")
"""The last bytes of what stands before a frame: of its colour and depth payloads."""


@dataclass(frozen=True)
class SensIndex:
    """Where everything is in a file; with it the file is opened again without a pass over it."""

    path: Path
    size: int
    header: SensHeader
    offsets: Int64[np.ndarray, " ends"]
    """Where each frame starts, and at the end where the frames end."""
    imu: int
    """Records of the inertial sensor."""


class FileBytes:
    """A file by offset; no position, so that threads may share it."""

    def __init__(self, path: Path) -> None:
        try:
            if path.exists() and not path.is_file():
                raise DataError(path, "this is not a file")
            self._file = FileIO(path)
            self.size = os.fstat(self._file.fileno()).st_size
        except FileNotFoundError:
            raise DataError(path, "there is no such file") from None
        except OSError as error:
            raise DataError(path, f"cannot be read ({error.strerror})") from error
        self.path = path

    def read(self, start: int, count: int) -> bytes:
        """Exactly `count` bytes; a DataError where the file has fewer."""
        if start + count > self.size:
            reason = f"{start + count - self.size} bytes are missing at the end: it is truncated"
            raise DataError(self.path, reason, FETCH_AGAIN, f"byte {start}")
        parts, missing = [], count
        while missing:
            try:
                part = os.pread(self._file.fileno(), missing, start + count - missing)
            except OSError as error:
                raise DataError(self.path, f"cannot be read ({error.strerror})") from error
            if not part:
                raise DataError(self.path, "the file became shorter while it was read")
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def index_sens(path: Path) -> SensIndex:
    """Find every frame of a recording, reading only the lengths before each.

    A file that ends right after its frames has no records of the inertial sensor.

    Raises:
        DataError: not version 4, a compression that is not read, or a length in it that differs
            from the file's: it is truncated, or damaged.
    """
    content = FileBytes(path)
    try:
        header, frames, first = parse_header(path, content.read, content.size)
        offsets = _frame_offsets(content, header, frames, first)
        imu = _imu_count(content, int(offsets[-1]))
    finally:
        content.close()
    return SensIndex(path, content.size, header, offsets, imu)


def _frame_offsets(
    content: FileBytes, header: SensHeader, frames: int, start: int
) -> Int64[np.ndarray, " ends"]:
    """Where the frames start, and where they end; every length held against the file's."""
    offsets = np.empty(frames + 1, np.int64)
    for number in range(frames):
        offsets[number] = start
        place = f"frame {number} at byte {start}"
        if start + FRAME_HEAD.size > content.size:
            raise DataError(content.path, "the file ends before it", FETCH_AGAIN, place)
        lengths = content.read(start + FRAME_HEAD.size - _LENGTHS.size, _LENGTHS.size)
        colour, depth = _LENGTHS.unpack(lengths)
        require_lengths(content.path, place, header, colour, depth)
        start += FRAME_HEAD.size + colour + depth
        if start > content.size:
            reason = f"its {colour} + {depth} bytes go {start - content.size} beyond the file's end"
            raise DataError(content.path, reason, FETCH_AGAIN, place)
    offsets[frames] = start
    return offsets


def _imu_count(content: FileBytes, start: int) -> int:
    if start == content.size:
        return 0
    count: int = COUNT.unpack(content.read(start, COUNT.size))[0]
    found = content.size - start - COUNT.size
    if count * IMU.itemsize != found:
        reason = f"{count} IMU records of {IMU.itemsize} bytes are promised, {found} bytes follow"
        raise DataError(content.path, reason, FETCH_AGAIN, f"byte {start}")
    return count
