"""Colour and depth images: JPEG, PNG and PGM, and what is changed in them."""

import io
import struct
import zlib
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from hcfres.data.frames import read_colour, read_depth
from tests.fuzz.format import Format, Seed, one_file, require


def colours(height: int = 48, width: int = 64) -> np.ndarray:
    """A smooth image with some noise."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 200, width)[None, :, None] + rng.integers(0, 50, (height, width, 3))
    return ramp.astype(np.uint8)


def depths(height: int = 24, width: int = 32) -> np.ndarray:
    """Counts of a depth image, with holes."""
    counts = np.random.default_rng(1).integers(400, 4000, (height, width))
    return (counts * (counts % 7 > 0)).astype(np.uint16)


def picture(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    """An image file."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, **options)
    return content.getvalue()


def _colour_images() -> tuple[Seed, ...]:
    pixels = colours()
    return one_file(
        "10.jpg",
        jpeg=picture(pixels, "JPEG", quality=80),
        progressive=picture(pixels, "JPEG", progressive=True),
        grey=picture(pixels[..., 0], "JPEG"),
        png=picture(pixels, "PNG"),
        palette=picture(pixels[..., 0] // 64, "PNG", bits=2),
    )


def _check_colour(path: Path) -> None:
    found = read_colour(path)
    require(found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == 3, "shape")
    require(np.array_equal(found, read_colour(path)), "two readings differ")
    _require_whole_png(path.read_bytes())


def _require_whole_png(content: bytes) -> None:
    """What was accepted as PNG has the checksums of all its pixels."""
    if not content.startswith(b"\x89PNG"):
        return
    at, name = 8, b""
    while name != b"IEND" and at + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        checksum = content[at + 8 + length : at + 12 + length]
        right = zlib.crc32(content[at + 4 : at + 8 + length]).to_bytes(4, "big")
        require(checksum == right or name not in (b"IHDR", b"PLTE", b"IDAT"), f"sum of {name!r}")
        at += 12 + length


def _depth_images() -> tuple[Seed, ...]:
    counts = depths()
    header = b"P5\n# by hand\n32 24\n65535\n"
    return one_file(
        "10.png",
        png=picture(counts, "PNG"),
        plain=picture(counts, "PNG", compress_level=0),
        pgm=header + counts.astype(">u2").tobytes(),
    )


def _check_depth(path: Path) -> None:
    found, content = read_depth(path), path.read_bytes()
    require(found.ndim == 2 and np.isfinite(found).all() and (found >= 0).all(), "depth")
    _require_whole_png(content)
    if content.startswith(b"P5"):
        counts = np.frombuffer(content[len(content) - 2 * found.size :], ">u2")
        told = counts.astype(np.float32) * np.float32(0.001)
        require(np.array_equal(found.ravel(), told), "counts differ")


def edit_png(content: bytes, rng: Random) -> bytes:
    """A chunk changed, and its checksum made right again."""
    chunks = _chunks(content)
    if not chunks:
        return content
    at = rng.randrange(len(chunks))
    name, data = chunks[at]
    match rng.randrange(5):
        case 0:
            del chunks[at]
        case 1:
            chunks.insert(rng.randrange(len(chunks) + 1), chunks[at])
        case 2 if name == b"IHDR" and len(data) == 13:
            sizes = [rng.choice((0, 1, 31, 32, 33, 8192, 1 << 16, 1 << 31)) for _ in range(2)]
            kinds = bytes(rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255)) for _ in range(5))
            kept = rng.random() < 0.5
            chunks[at] = (name, struct.pack(">II", *sizes) + (data[8:] if kept else kinds))
        case 3 if name == b"IDAT":
            chunks[at] = (name, zlib.compress(rng.randbytes(8) + b"\0" * rng.choice((0, 1 << 22))))
        case _:
            changed = bytearray(data or b"\0")
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
            chunks[at] = (name, bytes(changed))
    return content[:8] + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        if at + 12 + length > len(content):
            break
        found.append((name, content[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def edit_jpeg(content: bytes, rng: Random) -> bytes:
    """The height and width of the image, or the length of a segment, for others."""
    places = [n for n in range(len(content) - 9) if content[n] == 0xFF and content[n + 1] in _JPEG]
    if not places:
        return content
    at = rng.choice(places)
    number = rng.choice((0, 1, 2, 47, 48, 49, 1000, 8192, 65535))
    start = at + (rng.choice((5, 7)) if content[at + 1] in (0xC0, 0xC2) else 2)
    return content[:start] + number.to_bytes(2, "big") + content[start + 2 :]


_JPEG = (0xC0, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD, 0xE0)


FORMATS = (
    Format(
        "colour", _colour_images, _check_colour, "binary", memory_mib=256,
        edits=(edit_png, edit_jpeg),
    ),
    Format("depth", _depth_images, _check_depth, "binary", memory_mib=256, edits=(edit_png,)),
)  # fmt: skip
