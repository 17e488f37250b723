"""Images of a `.sens` recording."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hcfres.data.calibration import Pinhole, Rig, require_intrinsics
from hcfres.data.captures.images import SATURATED
from hcfres.data.errors import DataError
from hcfres.data.poses import require_rigid
from hcfres.data.registration import Registered, register
from hcfres.data.sens.recording import SensFile, SensHeader, open_sens


@dataclass(frozen=True)
class SensImages:
    """Frames read out of the recording when they are asked for."""

    path: Path
    unit_m: float
    frames: tuple[int, ...] = field(repr=False)
    """Numbers of the frames that hold images."""

    @cached_property
    def _opened(self) -> SensFile:
        return open_sens(self.path)

    def indices(self) -> tuple[int, ...]:
        """Numbers of the frames with images, ascending."""
        return self.frames

    def lonely(self) -> int:
        """How many frames hold no image."""
        return len(self._opened) - len(self.frames)

    def view(self, index: int, size: tuple[int, int] | None = None) -> Registered:
        """The colour image registered to the depth image."""
        colour = self._opened.colour(index)
        if colour is None:
            raise DataError(self.place(index), "this frame has no colour image")
        return register(colour, self.depth(index), rig_of(self._opened.header, self.path), size)

    def depth(self, index: int) -> Float[np.ndarray, "height width"]:
        """Read a depth image in metres; 0 where nothing was seen."""
        counts = self._opened.depth_counts(index)
        if counts is None:
            raise DataError(self.place(index), "this frame has no depth image")
        seen = np.where(counts < SATURATED, counts, 0)
        return seen.astype(np.float32) * np.float32(self.unit_m)

    def place(self, index: int) -> str:
        """Where a frame's depth lies, for errors."""
        return f"{self.path}, frame {index}"

    def content(self, index: int) -> Iterator[bytes]:
        """The stored bytes of a frame's images."""
        record = self._opened.record(index)
        yield record.colour or b""
        yield record.depth or b""


def rig_of(header: SensHeader, path: Path) -> Rig:
    """The two cameras of a recording; a depth camera without extrinsics is the colour camera's.

    Raises:
        DataError: a matrix that no such camera has; `path` is named.
    """
    for what, intrinsics, extrinsics, size in (
        ("colour", header.colour_intrinsics, header.colour_extrinsics, header.colour_size),
        ("depth", header.depth_intrinsics, header.depth_extrinsics, header.depth_size),
    ):
        require_intrinsics(path, intrinsics[:3, :3], size, what)
        require_rigid(path, extrinsics, place=f"{what} extrinsics")
    colour = Pinhole(_pinhole(header.colour_intrinsics), header.colour_size)
    depth = Pinhole(_pinhole(header.depth_intrinsics), header.depth_size)
    between = np.linalg.inv(header.colour_extrinsics) @ header.depth_extrinsics
    return Rig(colour, depth, between)


def _pinhole(matrix: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "3 3"]:
    """The four numbers of a K that has no more."""
    (fx, _, mx, _), (_, fy, my, _) = matrix[:2]
    return np.array([[fx, 0, mx], [0, fy, my], [0, 0, 1.0]])
