"""What every layout of a recording is brought to: images, poses and K by frame number."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hcfres.data.captures.images import ImageFiles, ScanNetImages
from hcfres.data.captures.phone_images import PhoneImages
from hcfres.data.captures.sens_images import SensImages
from hcfres.data.errors import DataError
from hcfres.data.files import read_bytes
from hcfres.data.frames import require_intrinsics
from hcfres.data.scene import Frame

_SAME_VIEW = 0.05
"""How much the shapes (width by height) of a colour and a depth image of one view may differ."""


@dataclass(frozen=True)
class Told:
    """What the user says about a recording; it goes before what the layout says."""

    cloud: Path | None = None
    intrinsics: Path | None = None
    """K of the depth images, as Open3D's JSON."""
    depth_unit_m: float | None = None
    """Metres to one count of a depth image."""


@dataclass(frozen=True)
class Capture:
    """Posed RGB-D frames in one common form, whatever wrote them."""

    layout: str
    """What it was taken for, as a title."""
    source: Path
    """The folder or file, named in errors."""
    images: ImageFiles | ScanNetImages | PhoneImages | SensImages
    poses: dict[int, Float[np.ndarray, "4 4"]]
    """Camera to world, OpenCV's axes, metres, by frame number; also of frames without images.
    Not finite where tracking was lost."""
    poses_from: Path
    """The file or folder of the poses, named in errors."""
    intrinsics: dict[int, Float[np.ndarray, "3 3"]]
    """K of the depth images, in their pixels, by frame number; of every frame with images."""
    remarks: tuple[str, ...]
    """What was understood and assumed, a sentence each."""
    cloud: Path | None = None
    """None where there is none: it is fused from the frames."""
    up: tuple[float, float, float] | None = None
    """Which way is up in the world, where the layout says so."""
    opengl: bool = False
    """The files' poses have OpenGL's camera axes and were turned; False: they have OpenCV's."""

    def usable(self) -> tuple[int, ...]:
        """Frames with both images and a finite pose, ascending."""
        posed = (i for i in self.images.indices() if i in self.poses)
        return tuple(i for i in posed if np.isfinite(self.poses[i]).all())

    def cameras(self) -> tuple[bytes, ...]:
        """What else decides a frame: the files by which colour is registered to depth."""
        if not isinstance(self.images, ScanNetImages):
            return ()
        files = self.images.layout.calibration_files(self.images.folder)
        return tuple(read_bytes(path) for path in files if path.exists())

    def frame(self, index: int, pose: np.ndarray, size: tuple[int, int] | None = None) -> Frame:
        """Read a frame; `size` (height, width) resamples its colour image.

        Raises:
            DataError: an image is broken, or K cannot be that of the depth image.
        """
        shape = self.depth_frame(index, pose)
        view = self.images.view(index, size)
        return replace(shape, colour=view.colour, seen=view.seen)

    def depth_frame(self, index: int, pose: np.ndarray) -> Frame:
        """Read a frame without its colour, which is one black pixel."""
        depth = self.images.depth(index)
        require_intrinsics(self.images.place(index), self.intrinsics[index], depth.shape)
        nothing = np.zeros((1, 1, 3), np.uint8)
        return Frame(index, nothing, depth, self.intrinsics[index], pose)

    def require_same_view(self, index: int) -> None:
        """Refuse a frame whose colour image cannot show what its depth image shows.

        Where colour is registered by two cameras' matrices, they decide instead.
        """
        if isinstance(self.images, ScanNetImages | SensImages):
            return
        rows, columns = self.images.view(index).colour.shape[:2]
        height, width = self.images.depth(index).shape
        if abs(columns * height / (rows * width) - 1) > _SAME_VIEW:
            reason = f"{columns}x{rows} colour cannot show the view of {width}x{height} depth"
            way_out = "Give colour images registered to the depth images"
            raise DataError(self.images.place(index), reason, way_out)


@dataclass(frozen=True)
class Layout:
    """One way to keep a recording on the disk."""

    name: str
    """As the command line takes it."""
    title: str
    looked_for: str
    """What a folder must have to be taken for it, in words."""
    fits: Callable[[Path], bool]
    read: Callable[[Path, Told], Capture]
