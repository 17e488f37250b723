"""What speaks against an image before it is decoded."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from hcfres.data.errors import DataError
from hcfres.data.frame_images import read_colour, read_depth
from hcfres.data.image_doubts import image_doubt

COUNTS = np.random.default_rng(0).integers(0, 4000, (24, 32)).astype(np.uint16)


def stored(pixels, kind, **options) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, **options)
    return content.getvalue()


def doubt(content: bytes) -> str:
    return image_doubt(Image.open(io.BytesIO(content)), content)


@pytest.mark.parametrize("shape", [(1, 1), (24, 32), (480, 640)])
@pytest.mark.parametrize("value", [0, 1000, 65535])
def test_nothing_speaks_against_images_as_they_are_written(shape, value):
    """An image of one value is packed as tightly as deflate and JPEG can."""
    assert doubt(stored(np.full(shape, value, np.uint16), "PNG", compress_level=9)) == ""
    flat = np.full((*shape, 3), value % 256, np.uint8)
    assert doubt(stored(flat, "JPEG", quality=5, progressive=True, optimize=True)) == ""
    assert doubt(stored(flat, "PNG", compress_level=9)) == ""


def silently_wrong(content: bytes) -> bytes:
    """The image with one bit flipped so that Pillow decodes it to other counts and says nothing."""
    for bit in range(8 * len(content) - 1, 0, -1):
        changed = bytearray(content)
        changed[bit >> 3] ^= 1 << (bit & 7)
        try:
            found = np.asarray(Image.open(io.BytesIO(changed), formats=("PNG",)))
        except (OSError, SyntaxError, ValueError):
            continue
        if found.shape == COUNTS.shape and not np.array_equal(found, COUNTS):
            return bytes(changed)
    pytest.fail("Pillow notices every flipped bit: the checksums need not be looked at")


def test_a_flipped_bit_that_pillow_takes_for_depth_is_noticed(tmp_path):
    (tmp_path / "0.png").write_bytes(silently_wrong(stored(COUNTS, "PNG")))
    with pytest.raises(DataError, match=r"the checksum of its chunk at byte \d+ is wrong"):
        read_depth(tmp_path / "0.png")


def test_a_png_without_its_end_is_truncated(tmp_path):
    (tmp_path / "0.png").write_bytes(stored(COUNTS, "PNG")[:-12])
    with pytest.raises(DataError, match="truncated"):
        read_depth(tmp_path / "0.png")


def test_a_few_bytes_cannot_ask_for_gigabytes(tmp_path):
    content = stored(COUNTS, "PNG")
    head = struct.pack(">4sIIBBBBB", b"IHDR", 8000, 8000, 16, 0, 0, 0, 0)
    large = content[:12] + head + zlib.crc32(head).to_bytes(4, "big") + content[33:]
    (tmp_path / "0.png").write_bytes(large)
    with pytest.raises(DataError, match="8000x8000 pixels cannot be in"):
        read_depth(tmp_path / "0.png")
    content = stored(np.zeros((8, 8, 3), np.uint8), "JPEG")
    at = content.index(b"\xff\xc0") + 5
    (tmp_path / "0.jpg").write_bytes(
        content[:at] + struct.pack(">HH", 8000, 8000) + content[at + 4 :]
    )
    with pytest.raises(DataError, match="8000x8000 pixels cannot be in"):
        read_colour(tmp_path / "0.jpg")
