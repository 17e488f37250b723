"""What speaks against an image before it is decoded: its checksums, and how large it says it is."""

import zlib
from collections.abc import Iterator
from struct import Struct

from PIL import Image

PNG_START = b"\x89PNG\r\n\x1a\n"
_CHUNK = Struct(">I4s")
_IHDR = Struct(">IIBB")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEFLATE_RATIO = 1032
"""No deflate stream unpacks to more than so many times its length."""
_JPEG_PIXELS_A_BYTE = 512
"""A block of 64 pixels takes at least one bit."""


def image_doubt(image: Image.Image, content: bytes) -> str:
    """Say why an image that was opened but not yet decoded should not be; empty where nothing.

    A PNG must be whole, with the checksum of every chunk: Pillow looks at none of those of the
    pixels, and takes about one flipped bit in a hundred for depth. No image may have more pixels
    than its bytes can hold, so that a few bytes cannot ask for gigabytes.
    """
    width, height = image.size
    if image.format == "PNG":
        return _png_doubt(content)
    if width * height > _JPEG_PIXELS_A_BYTE * len(content):
        return f"{width}x{height} pixels cannot be in {len(content)} bytes"
    return ""


def _png_doubt(content: bytes) -> str:
    packed, needed, size = 0, 0, ""
    for at, name, data, right in _chunks(content):
        if not right:
            return f"the checksum of its chunk at byte {at} is wrong"
        if name == b"IHDR" and len(data) >= _IHDR.size:
            width, height, depth, kind = _IHDR.unpack_from(data)
            needed = width * height * depth * _CHANNELS.get(kind, 1) // 8
            size = f"{width}x{height}"
        packed += len(data) if name == b"IDAT" else 0
        if name == b"IEND":
            if needed > _DEFLATE_RATIO * packed:
                return f"{size} pixels cannot be in {packed} bytes"
            return ""
    return "it is truncated"


def _chunks(content: bytes) -> Iterator[tuple[int, bytes, memoryview, bool]]:
    """Place, name, data, and whether the checksum is right, of every chunk that is whole."""
    whole, at = memoryview(content), len(PNG_START)
    while at + _CHUNK.size + 4 <= len(content):
        length, name = _CHUNK.unpack_from(content, at)
        end = at + _CHUNK.size + length
        if end + 4 > len(content):
            return
        right = zlib.crc32(whole[at + 4 : end]) == int.from_bytes(whole[end : end + 4], "big")
        yield at, name, whole[at + _CHUNK.size : end], right
        at = end + 4
