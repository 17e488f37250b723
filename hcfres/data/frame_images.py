"""The colour and depth images of frames, from files nobody vouches for."""

import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from hcfres.data.errors import DataError
from hcfres.data.files import read_bytes
from hcfres.data.image_doubts import image_doubt

MOST_PIXELS = 1 << 26
LARGEST_IMAGE = 1 << 28
"""Bytes of an image file; a larger one is refused before it is read."""
BROKEN_IMAGE = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip
FETCH_AGAIN = "Extract or copy the frames of this scan again"
_DEPTH_MODES = ("I;16", "I;16L", "I;16B", "I")
_LONGEST_HEADER = 4096
_PGM_WORD = re.compile(rb"(?:[ \t\r\n\v\f]|#[^\n]*\n)*([^\s#]+)")


def read_colour(
    path: Path, size: tuple[int, int] | None = None
) -> UInt8[np.ndarray, "height width 3"]:
    """Read an RGB image, resampled to `size` (height, width) if given."""
    image = _image(path, read_bytes(path, FETCH_AGAIN, LARGEST_IMAGE))
    try:
        image = image.convert("RGB")
        if size is not None and image.size != (size[1], size[0]):
            image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        return np.asarray(image)
    except BROKEN_IMAGE as error:
        raise DataError(path, f"the image is broken ({error})", FETCH_AGAIN) from error


def read_depth(path: Path, unit_m: float = 0.001) -> Float[np.ndarray, "height width"]:
    """Read a 16-bit greyscale image as metres, `unit_m` to a count; 0 where nothing was seen.

    PNG, or binary PGM with the largest value 65535, whose counts are big-endian.
    """
    content = read_bytes(path, FETCH_AGAIN, LARGEST_IMAGE)
    if content.startswith(b"P5"):
        counts = _pgm(path, content)
    else:
        image = _image(path, content)
        if image.mode not in _DEPTH_MODES:
            reason = f"depth is a 16-bit greyscale image; found mode {image.mode}"
            raise DataError(path, reason, "Write millimetres as 16-bit PNG")
        counts = np.asarray(image)
    return counts.astype(np.float32) * np.float32(unit_m)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width as the image's header has them; nothing is decoded."""
    content = read_bytes(path, FETCH_AGAIN, LARGEST_IMAGE)
    if content.startswith(b"P5"):
        return _pgm_header(path, content)[0]
    width, height = _opened(path, content).size
    return height, width


def _image(path: Path, content: bytes) -> Image.Image:
    image = _opened(path, content)
    try:
        image.load()
    except BROKEN_IMAGE as error:
        raise DataError(path, f"the image is broken ({error})", FETCH_AGAIN) from error
    return image


def _opened(path: Path, content: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=("JPEG", "PNG"))
    except BROKEN_IMAGE as error:
        raise DataError(path, f"the image is broken ({error})", FETCH_AGAIN) from error
    _require_few(path, *image.size)
    if doubt := image_doubt(image, content):
        raise DataError(path, f"the image is broken ({doubt})", FETCH_AGAIN)
    return image


def _pgm(path: Path, content: bytes) -> np.ndarray:
    (height, width), start = _pgm_header(path, content)
    if len(content) - start != 2 * height * width:
        reason = f"{width}x{height} counts are {2 * height * width} bytes, {len(content) - start}"
        raise DataError(path, f"the image is broken ({reason} are there)", FETCH_AGAIN)
    return np.frombuffer(content, ">u2", offset=start).reshape(height, width)


def _pgm_header(path: Path, content: bytes) -> tuple[tuple[int, int], int]:
    """Height and width, and where the counts begin."""
    words: list[bytes] = []
    end = 0
    while len(words) < 4:
        found = _PGM_WORD.match(content, end, _LONGEST_HEADER)
        if found is None:
            raise DataError(path, "the image is broken (its header ends early)", FETCH_AGAIN)
        words.append(found[1])
        end = found.end()
    if not all(word.isdigit() and len(word) < 8 for word in words[1:]):
        raise DataError(path, f"the image is broken ({words[1:]!r} are no sizes)", FETCH_AGAIN)
    width, height, largest = (int(word) for word in words[1:])
    if words[0] != b"P5" or largest != 65535:
        reason = f"depth is a PGM of kind P5 up to 65535; found {words[0]!r} up to {largest}"
        raise DataError(path, reason, FETCH_AGAIN)
    if not (width and height):
        raise DataError(path, f"the image is broken ({width}x{height} pixels)", FETCH_AGAIN)
    _require_few(path, width, height)
    return (height, width), end + 1


def _require_few(path: Path, width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise DataError(path, f"{width}x{height} pixels are too many")
