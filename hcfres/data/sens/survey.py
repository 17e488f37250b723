"""What an extraction left in a folder, kept beside the frames so that they outlive the `.sens`."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from hcfres.config.base import Config
from hcfres.data.errors import DataError
from hcfres.data.files import read_bytes, read_json, write_bytes

SURVEY_NAME = "extraction.json"
INTRINSIC_NAMES = ("intrinsic_color", "extrinsic_color", "intrinsic_depth", "extrinsic_depth")
_EXTRACT_AGAIN = "Extract the frames again"

Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
Crc32 = Annotated[int, Field(ge=0, le=2**32 - 1)]


class FrameSums(Config):
    """One extracted frame and the CRC-32 of its three files."""

    index: Number
    colour_suffix: Literal[".jpg", ".png"]
    colour: Crc32
    depth: Crc32
    pose: Crc32


class LeftOut(Config):
    """A frame of the recording that has not both images."""

    index: Number
    lacks: Literal["colour", "depth", "colour and depth"]


class Recorded(Config):
    """From what frames are extracted, and which of them."""

    sens: str
    """The recording's file name."""
    sens_bytes: Annotated[int, Field(ge=0)]
    sens_frames: Number
    sens_sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""
    """Of its header and its first and last frame; empty in files from before this was noted."""
    every: Annotated[int, Field(ge=1)]


class Extraction(Recorded):
    """The content of `extraction.json`: from what the frames of a folder were extracted, and how.

    Its last frame is written before it, so that where it is, all its frames were whole.
    """

    intrinsics: tuple[Crc32, Crc32, Crc32, Crc32]
    frames: tuple[FrameSums, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class FrameSurvey:
    """What one extraction found and did."""

    frames: tuple[int, ...]
    """Numbers, as in the recording, of the frames that are now in the folder, ascending."""
    lost: tuple[int, ...]
    """Those of them whose pose is not finite: tracking was lost."""
    left_out: tuple[LeftOut, ...]
    """Frames that lack an image, of which nothing was written."""
    written: int
    """Frames of which at least one file was written."""
    kept: int
    """Frames that were whole already."""


def read_extraction(folder: Path) -> Extraction:
    """Read `extraction.json` of a folder of frames.

    Raises:
        DataError: there is none (never extracted, or not to the end), or it is malformed.
    """
    return read_json(folder / SURVEY_NAME, Extraction.model_validate_json, _EXTRACT_AGAIN)


def write_extraction(folder: Path, extraction: Extraction) -> None:
    """Write `extraction.json`; the last thing that an extraction does."""
    write_bytes(folder / SURVEY_NAME, (extraction.model_dump_json() + "\n").encode())


def verify_frames(folder: Path) -> tuple[str, ...]:
    """Return what is missing or differs from what was extracted, a sentence each; () is all well.

    Every file is read and its CRC-32 compared; the recording is not needed.

    Raises:
        DataError: as `read_extraction`.
    """
    extraction = read_extraction(folder)
    intrinsics = zip(INTRINSIC_NAMES, extraction.intrinsics, strict=True)
    expected = [(f"intrinsic/{name}.txt", crc) for name, crc in intrinsics]
    for frame in extraction.frames:
        expected += [
            (f"color/{frame.index}{frame.colour_suffix}", frame.colour),
            (f"depth/{frame.index}.png", frame.depth),
            (f"pose/{frame.index}.txt", frame.pose),
        ]
    found = (_finding(folder, name, crc) for name, crc in expected)
    return tuple(finding for finding in found if finding)


def _finding(folder: Path, name: str, crc: int) -> str:
    try:
        content = read_bytes(folder / name)
    except DataError as error:
        return f"{name}: {error.reason}"
    return "" if zlib.crc32(content) == crc else f"{name}: differs from what was extracted"
