"""The layouts in which the frames of a ScanNet scan lie on a disk, each as one value.

Who extracted the frames decides where a frame's colour, depth and pose are and where K is; the
contents are the same. Numbers are the recording's own, except in mmdetection3d's posed images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hcfres.data.errors import DataError
from hcfres.data.poses import parse_matrix, read_matrix
from hcfres.data.scan_info import read_scan_info

COLOUR_SUFFIXES = (".jpg", ".jpeg", ".png")
DEPTH_SUFFIXES = (".png",)


@dataclass(frozen=True)
class FrameFiles:
    """The names of the files of one kind: `<folder>/<prefix><number><end>`."""

    what: str
    folder: str
    """Relative to the frames' folder; empty for that folder itself."""
    ends: tuple[str, ...]
    """Accepted in lower and upper case; the first is the usual one."""
    prefix: str = ""
    digits: int = 1
    """How many the number usually has, filled with zeros."""

    def numbered(self, root: Path, way_out: str = "") -> dict[int, Path]:
        """Find the files whose name is a number (leading zeros or not), by number, ascending.

        Raises:
            DataError: no such folder, or two files with one number.
        """
        folder = root / self.folder
        if not folder.is_dir():
            raise DataError(folder, "there is no such folder", way_out)
        found: dict[int, Path] = {}
        for path in sorted(folder.iterdir()):
            number = self._number(path.name)
            if number is None:
                continue
            if number in found:
                both = f"{found[number].name} and {path.name}"
                raise DataError(folder, f"{both} are the same frame", way_out)
            found[number] = path
        return dict(sorted(found.items()))

    def find(self, root: Path, index: int, way_out: str = "") -> Path:
        """Name the file of one frame.

        Raises:
            DataError: there is none, or no file of this kind at all.
        """
        usual = root / self.folder / f"{self.prefix}{index:0{self.digits}d}{self.ends[0]}"
        if usual.exists():
            return usual
        found = self.numbered(root, way_out)
        if not found:
            raise DataError(root / self.folder, f"there are no {self.what} images", way_out)
        if index not in found:
            reason = f"there is no frame {index} ({usual.name})"
            raise DataError(root / self.folder, reason, way_out)
        return found[index]

    def _number(self, name: str) -> int | None:
        end = next((end for end in self.ends if name.lower().endswith(end)), None)
        if end is None or not name.startswith(self.prefix):
            return None
        digits = name[len(self.prefix) : len(name) - len(end)]
        return int(digits) if digits.isascii() and digits.isdigit() else None


@dataclass(frozen=True)
class Entry:
    """Where a value stands: a file of its own, or a key of a file of `key = value` lines."""

    file: str
    key: str = ""

    def path(self, root: Path) -> Path:
        """Name the file."""
        return root / self.file

    def text(self, root: Path, way_out: str = "") -> str | None:
        """Return a key's value; None where the key or the file is not there."""
        if not self.path(root).exists():
            return None
        return read_scan_info(self.path(root), way_out).get(self.key)

    def matrix(self, root: Path, way_out: str = "") -> np.ndarray | None:
        """Read 4 x 4 numbers; None where they are not there.

        Raises:
            DataError: not 16 numbers.
        """
        if not self.key:
            path = self.path(root)
            return read_matrix(path, way_out) if path.exists() else None
        text = self.text(root, way_out)
        return None if text is None else parse_matrix(text, self.path(root), way_out, self.key)


@dataclass(frozen=True)
class FrameLayout:
    """Where everything about the frames of a scan is."""

    name: str
    signs: tuple[str, ...]
    """The layout is recognised by any of these, relative to the frames' folder."""
    colour: FrameFiles
    depth: FrameFiles
    pose: FrameFiles
    colour_intrinsics: Entry
    depth_intrinsics: Entry
    colour_extrinsics: Entry | None
    depth_extrinsics: Entry | None
    """Depth camera to colour camera, while the colour camera's is the identity."""
    needed: Literal["colour", "depth"] = "depth"
    """The image whose K must be there; the other's follows from it where it is missing."""
    depth_shift: Entry | None = None
    """Counts of a depth image to a metre; None: 1000."""
    renumbered: bool = False
    """Numbers are not the recording's own."""

    def every(self, numbers: Sequence[int], step: int) -> tuple[int, ...]:
        """Choose every `step`-th frame of the recording, whichever of them were extracted.

        Where the frames were numbered anew that cannot be known: every `step`-th of `numbers`.
        """
        if self.renumbered:
            return tuple(numbers)[::step]
        return tuple(number for number in numbers if number % step == 0)

    @property
    def kinds(self) -> tuple[FrameFiles, FrameFiles, FrameFiles]:
        """Colour, depth, pose."""
        return self.colour, self.depth, self.pose

    def calibration_files(self, root: Path) -> tuple[Path, ...]:
        """Name the files about the cameras that are there: K that must be, then the others."""
        first, second = self.depth_intrinsics, self.colour_intrinsics
        if self.needed == "colour" and not first.path(root).exists():
            first, second = second, first
        entries = (second, self.colour_extrinsics, self.depth_extrinsics)
        others = [entry.path(root) for entry in entries if entry and entry.path(root).exists()]
        return tuple(dict.fromkeys((first.path(root), *others)))


SENSREADER = FrameLayout(
    name="SensReader's frames",
    signs=("intrinsic",),
    colour=FrameFiles("colour", "color", COLOUR_SUFFIXES),
    depth=FrameFiles("depth", "depth", DEPTH_SUFFIXES),
    pose=FrameFiles("pose", "pose", (".txt",)),
    colour_intrinsics=Entry("intrinsic/intrinsic_color.txt"),
    depth_intrinsics=Entry("intrinsic/intrinsic_depth.txt"),
    colour_extrinsics=Entry("intrinsic/extrinsic_color.txt"),
    depth_extrinsics=Entry("intrinsic/extrinsic_depth.txt"),
)
"""`<number>.jpg`, `.png`, `.txt` in `color`, `depth`, `pose`; original numbers, no zeros."""

FRAMES_25K = FrameLayout(
    name="the 25k frames",
    signs=("intrinsics_depth.txt", "intrinsics_color.txt"),
    colour=FrameFiles("colour", "color", COLOUR_SUFFIXES, digits=6),
    depth=FrameFiles("depth", "depth", DEPTH_SUFFIXES, digits=6),
    pose=FrameFiles("pose", "pose", (".txt",), digits=6),
    colour_intrinsics=Entry("intrinsics_color.txt"),
    depth_intrinsics=Entry("intrinsics_depth.txt"),
    colour_extrinsics=None,
    depth_extrinsics=None,
)
"""`scannet_frames_25k` and `scannet_frames_test`: every hundredth frame, original numbers."""

SENS_TOOL = FrameLayout(
    name="the frames of ScanNet's C++ tool",
    signs=("_info.txt",),
    colour=FrameFiles("colour", "", (".color.jpg", ".color.png"), "frame-", 6),
    depth=FrameFiles("depth", "", (".depth.pgm",), "frame-", 6),
    pose=FrameFiles("pose", "", (".pose.txt",), "frame-", 6),
    colour_intrinsics=Entry("_info.txt", "m_calibrationColorIntrinsic"),
    depth_intrinsics=Entry("_info.txt", "m_calibrationDepthIntrinsic"),
    colour_extrinsics=Entry("_info.txt", "m_calibrationColorExtrinsic"),
    depth_extrinsics=Entry("_info.txt", "m_calibrationDepthExtrinsic"),
    depth_shift=Entry("_info.txt", "m_depthShift"),
)
"""`frame-<number>.color.jpg`, `.depth.pgm` (big-endian), `.pose.txt`."""

POSED_IMAGES = FrameLayout(
    name="mmdetection3d's posed images",
    signs=("intrinsic.txt",),
    colour=FrameFiles("colour", "", (".jpg", ".jpeg"), digits=5),
    depth=FrameFiles("depth", "", (".png",), digits=5),
    pose=FrameFiles("pose", "", (".txt",), digits=5),
    colour_intrinsics=Entry("intrinsic.txt"),
    depth_intrinsics=Entry("depth_intrinsic.txt"),
    colour_extrinsics=None,
    depth_extrinsics=None,
    needed="colour",
    renumbered=True,
)
"""`<number>.jpg`, `.txt`, maybe `.png`: a random subset numbered anew, not the recording's."""

LAYOUTS = (SENSREADER, FRAMES_25K, SENS_TOOL, POSED_IMAGES)


def layout_of(folder: Path, way_out: str = "") -> FrameLayout:
    """Recognise the layout of a folder of frames.

    Raises:
        DataError: no such folder, or nothing in it that a layout is recognised by.
    """
    if not folder.is_dir():
        raise DataError(folder, "there is no such folder", way_out)
    for layout in LAYOUTS:
        if any((folder / sign).exists() for sign in layout.signs):
            return layout
    if any((folder / kind.folder).is_dir() for kind in SENSREADER.kinds):
        return SENSREADER
    known = "; ".join(f"{layout.name} have {' or '.join(layout.signs)}" for layout in LAYOUTS)
    raise DataError(folder, f"the layout of these frames is unknown: {known}", way_out)
