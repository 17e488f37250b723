"""Colour and depth images of a recording, by frame number, as files of their own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hcfres.data.calibration import read_rig
from hcfres.data.files import read_bytes
from hcfres.data.frame_layouts import FrameLayout
from hcfres.data.frames import read_colour, read_depth
from hcfres.data.registration import Registered, register

SATURATED = 65535
"""The greatest count of a 16-bit image: not a depth, whoever wrote it."""


@dataclass(frozen=True)
class ImageFiles:
    """Images in files, JPEG or PNG and 16-bit PNG, whose colour shows the depth's view."""

    colours: dict[int, Path]
    depths: dict[int, Path]
    unit_m: float

    def indices(self) -> tuple[int, ...]:
        """Numbers of the frames with both images, ascending."""
        return tuple(sorted(set(self.colours) & set(self.depths)))

    def lonely(self) -> int:
        """How many frames lack an image."""
        return len(set(self.colours) ^ set(self.depths))

    def view(self, index: int, size: tuple[int, int] | None = None) -> Registered:
        """The colour image, resampled to `size` if given."""
        return Registered(read_colour(self.colours[index], size), None)

    def depth(self, index: int) -> Float[np.ndarray, "height width"]:
        """Read a depth image in metres; 0 where nothing was seen."""
        metres = read_depth(self.depths[index], self.unit_m)
        return np.where(metres < (SATURATED - 0.5) * self.unit_m, metres, np.float32(0))

    def place(self, index: int) -> str:
        """Where a frame's depth lies, for errors."""
        return str(self.depths[index])

    def content(self, index: int) -> Iterator[bytes]:
        """The stored bytes of a frame's images."""
        yield read_bytes(self.colours[index])
        yield read_bytes(self.depths[index])


@dataclass(frozen=True)
class ScanNetImages(ImageFiles):
    """Images of a scanner with two cameras, in one of the layouts of ScanNet frames."""

    folder: Path
    layout: FrameLayout

    def view(self, index: int, size: tuple[int, int] | None = None) -> Registered:
        """The colour image registered to the depth image."""
        colour, depth = read_colour(self.colours[index]), self.depth(index)
        sizes = (colour.shape[0], colour.shape[1]), (depth.shape[0], depth.shape[1])
        return register(colour, depth, read_rig(self.folder, self.layout, *sizes), size)
