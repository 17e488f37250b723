"""Images as a `.sens` file stores them, to arrays: never more pixels than its header promises."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image

from hcfres.data.errors import DataError
from hcfres.data.image_doubts import image_doubt
from hcfres.data.sens.header import FETCH_AGAIN, ColourKind, DepthKind

_FORMATS = {"png": "PNG", "jpeg": "JPEG"}
_MODES = {"L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"}
_BROKEN_IMAGE = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, OverflowError,
    Image.DecompressionBombError,
)  # fmt: skip


def decode_colour(
    payload: bytes, kind: ColourKind, size: tuple[int, int], path: Path, place: str
) -> UInt8[np.ndarray, "height width 3"]:
    """Decode a colour payload of `size` (height, width) to RGB.

    Raises:
        DataError: broken, of another kind, of another size, or not 8 bits to a channel.
    """
    if kind == "raw":
        return np.frombuffer(payload, np.uint8).reshape(*size, 3)
    try:
        with Image.open(io.BytesIO(payload), formats=(_FORMATS[kind],)) as image:
            if image.size != size[::-1] or image.mode not in _MODES:
                found = f"{image.width}x{image.height} in mode {image.mode}"
                reason = f"the colour image is {found}, not 8-bit {size[1]}x{size[0]}"
                raise DataError(path, reason, FETCH_AGAIN, place)
            if doubt := image_doubt(image, payload):
                reason = f"the {kind} colour image is broken ({doubt})"
                raise DataError(path, reason, FETCH_AGAIN, place)
            return np.asarray(image.convert("RGB"))
    except DataError:
        raise
    except _BROKEN_IMAGE as error:
        said = str(error).partition("<_io.")[0].strip()
        reason = f"the {kind} colour image is broken ({said})"
        raise DataError(path, reason, FETCH_AGAIN, place) from error


def decode_depth(
    payload: bytes, kind: DepthKind, size: tuple[int, int], path: Path, place: str
) -> UInt16[np.ndarray, "height width"]:
    """Decode a depth payload of `size` (height, width) to counts; 0 where nothing was seen.

    A zlib stream is expanded to one byte more than the image has, whatever it claims to hold.

    Raises:
        DataError: a broken stream, or one of more or fewer bytes than the image has.
    """
    length = 2 * size[0] * size[1]
    if kind == "zlib":
        payload = _expand(payload, length, path, place)
    return np.frombuffer(payload, "<u2").reshape(size).astype(np.uint16, copy=False)


def _expand(payload: bytes, length: int, path: Path, place: str) -> bytes:
    stream = zlib.decompressobj()
    try:
        rows = stream.decompress(payload, length + 1)
    except zlib.error as error:
        reason = f"the depth's zlib stream is broken ({error})"
        raise DataError(path, reason, FETCH_AGAIN, place) from None
    if len(rows) > length:
        reason = f"the depth's zlib stream holds more than the {length} bytes of the image"
        raise DataError(path, reason, FETCH_AGAIN, place)
    if len(rows) < length or not stream.eof:
        reason = f"the depth's zlib stream ends after {len(rows)} of {length} bytes"
        raise DataError(path, reason, FETCH_AGAIN, place)
    return rows
