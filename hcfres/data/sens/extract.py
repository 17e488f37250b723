"""Every k-th frame of a `.sens` recording as files, in the layout of ScanNet's SensReader."""

import contextlib
import io
import multiprocessing
import os
import signal
import threading
import time
import zlib
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Integer, UInt16
from PIL import Image

from hcfres.data.errors import DataError, too_many
from hcfres.data.files import read_bytes, write_bytes
from hcfres.data.sens.begin import BEGUN_NAME, begin_extraction, require_no_others
from hcfres.data.sens.images import decode_colour, decode_depth
from hcfres.data.sens.recording import SensFile, SensIndex, index_sens
from hcfres.data.sens.survey import (
    INTRINSIC_NAMES,
    Extraction,
    FrameSums,
    FrameSurvey,
    LeftOut,
    Recorded,
    read_extraction,
    verify_frames,
    write_extraction,
)

__all__ = ["FrameSurvey", "extract_frames", "read_extraction", "verify_frames"]

Progress = Callable[[int, int], None]

_CHUNK = 8
"""Frames that a worker takes at a time."""
_COMPRESSION = 4
"""Of the depth images: 6 takes two or three times as long and saves 5 to 7 per cent."""
_FARTHEST_MM = 65535
_NOT_AN_IMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    zlib.error,
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class _Found:
    """What became of one frame: its files' sums, or what it lacks, or what is wrong with it."""

    index: int
    sums: FrameSums | None = None
    lost: bool = False
    written: bool = False
    lacks: LeftOut | None = None
    broken: str = ""


@dataclass(frozen=True)
class _File:
    """A file that is to hold something: how to tell that it does, and how to make its content."""

    path: Path
    holds: Callable[[bytes], bool]
    make: Callable[[], bytes]


def extract_frames(
    sens: Path, folder: Path, every: int, workers: int = 1, progress: Progress | None = None
) -> FrameSurvey:
    """Put every `every`-th frame, its number kept, into color/, depth/, pose/ and intrinsic/.

    JPEG and PNG colour is copied byte for byte, raw colour becomes PNG; depth is 16-bit PNG in
    millimetres; poses have six decimals and stay not finite where tracking was lost. Each file is
    written whole or not at all and read back. A file that already holds what the recording says is
    left alone, so that an interrupted extraction goes on where it was. At the end, and only if
    every frame is whole and no other is there, `extraction.json` says so. No other frame's images
    are read.

    Args:
        workers: processes; 1 works in this one.
        progress: called with the frames done and their number.

    Raises:
        DataError: as `index_sens`; or some of the frames are broken, all of them named, the others
            extracted; or none has both images; or as `begin_extraction`.
        StoreError: the disk is full or refuses.
    """
    if every < 1:
        raise ValueError(f"every k-th frame: k is at least 1, not {every}")
    index = index_sens(sens)
    numbers = range(0, len(index.offsets) - 1, every)
    chunks = [tuple(numbers[start : start + _CHUNK]) for start in range(0, len(numbers), _CHUNK)]
    plan = begin_extraction(index, folder, every)
    intrinsics = _write_intrinsics(folder, index)
    told = progress or (lambda done, total: None)
    told(0, len(numbers))
    found: list[_Found] = []
    with contextlib.closing(_chunk_results(index, folder, chunks, workers)) as finished:
        for results in finished:
            found += results
            told(len(found), len(numbers))
    return _concluded(index, folder, plan, intrinsics, sorted(found, key=lambda one: one.index))


def _concluded(
    index: SensIndex, folder: Path, plan: Recorded, intrinsics: list[int], found: list[_Found]
) -> FrameSurvey:
    if broken := [one.broken for one in found if one.broken]:
        raise DataError(index.path, too_many(broken).rstrip(), "Fetch the file again")
    sums = tuple(one.sums for one in found if one.sums)
    left_out = tuple(one.lacks for one in found if one.lacks)
    if not sums:
        raise DataError(index.path, f"of {len(found)} frames none has both images")
    require_no_others(folder, ((one.index, one.colour_suffix) for one in sums))
    extraction = Extraction(
        **plan.model_dump(),
        intrinsics=(intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]),
        frames=sums,
        left_out=left_out,
    )
    write_extraction(folder, extraction)
    (folder / BEGUN_NAME).unlink(missing_ok=True)
    written = sum(one.written for one in found)
    lost = tuple(one.index for one in found if one.lost)
    numbers = tuple(one.index for one in sums)
    return FrameSurvey(numbers, lost, left_out, written, len(sums) - written)


def _chunk_results(
    index: SensIndex, folder: Path, chunks: list[tuple[int, ...]], workers: int
) -> Generator[list[_Found], None, None]:
    if min(workers, len(chunks)) <= 1:
        yield from (_extract_chunk(index, folder, chunk) for chunk in chunks)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(chunks)), spawn, _follow, (os.getpid(),)) as pool:
        try:
            futures = [pool.submit(_extract_chunk, index, folder, chunk) for chunk in chunks]
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            reason = "a worker process died, perhaps for want of memory"
            way_out = "Extract with fewer workers; what is extracted stays"
            raise DataError(index.path, reason, way_out) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _follow(parent: int) -> None:
    """Make this worker end with its parent, however that ends, and leave Ctrl-C to it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, daemon=True).start()


def _extract_chunk(index: SensIndex, folder: Path, numbers: tuple[int, ...]) -> list[_Found]:
    with SensFile(index) as sens:
        return [_extract(sens, folder, number) for number in numbers]


def _extract(sens: SensFile, folder: Path, number: int) -> _Found:
    """Extract one frame: all its files, or none where the recording's frame is broken."""
    try:
        files, lacks, lost = _files(sens, folder, number)
        if lacks is not None:
            return _Found(number, lacks=lacks)
        sums, written = _ensure(files)
    except DataError as error:
        if error.source != str(sens.path) or not error.place:
            raise
        return _Found(number, broken=f"{error.place}: {error.reason}")
    frame = FrameSums(
        index=number,
        colour_suffix=".jpg" if sens.header.colour_kind == "jpeg" else ".png",
        colour=sums[0],
        depth=sums[1],
        pose=sums[2],
    )
    return _Found(number, frame, lost, written)


def _files(
    sens: SensFile, folder: Path, number: int
) -> tuple[tuple[_File, ...], LeftOut | None, bool]:
    record, header, place = sens.record(number), sens.header, f"frame {number}"
    if record.colour is None or record.depth is None:
        absent = [name for name in ("colour", "depth") if getattr(record, name) is None]
        lacks = LeftOut.model_validate({"index": number, "lacks": " and ".join(absent)})
        return (), lacks, False
    depth = decode_depth(record.depth, header.depth_kind, header.depth_size, sens.path, place)
    millimetres = _millimetres(depth, header.depth_shift, sens.path, place)
    files = (
        _colour_file(sens, folder, number, record.colour),
        _image_file(folder / "depth" / f"{number}.png", millimetres),
        _text_file(folder / "pose" / f"{number}.txt", record.pose),
    )
    return files, None, not bool(np.isfinite(record.pose).all())


def _colour_file(sens: SensFile, folder: Path, number: int, payload: bytes) -> _File:
    """The payload as it is once it is known to decode, or raw rows as a PNG."""
    kind, size = sens.header.colour_kind, sens.header.colour_size

    def checked() -> bytes:
        decode_colour(payload, kind, size, sens.path, f"frame {number}")
        return payload

    if kind == "raw":
        pixels = decode_colour(payload, kind, size, sens.path, f"frame {number}")
        return _image_file(folder / "color" / f"{number}.png", pixels)
    suffix = ".jpg" if kind == "jpeg" else ".png"
    return _File(
        folder / "color" / f"{number}{suffix}", lambda content: content == payload, checked
    )


def _image_file(path: Path, pixels: Integer[np.ndarray, "height width *channels"]) -> _File:
    def holds(content: bytes) -> bool:
        try:
            with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
                same = image.size == pixels.shape[1::-1] and image.mode in ("I;16", "RGB")
                return same and np.array_equal(np.asarray(image), pixels)
        except _NOT_AN_IMAGE:
            return False

    def make() -> bytes:
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, "PNG", compress_level=_COMPRESSION)
        return content.getvalue()

    return _File(path, holds, make)


def _text_file(path: Path, matrix: Float[np.ndarray, "4 4"]) -> _File:
    lines = (" ".join(f"{value:f}" for value in row) + "\n" for row in matrix)
    text = "".join(lines).encode()
    return _File(path, lambda content: content == text, lambda: text)


def _ensure(files: tuple[_File, ...]) -> tuple[list[int], bool]:
    """Write the files that do not hold what they should, all made before the first is written.

    Returns:
        The CRC-32 of each file, and whether any was written.
    """
    contents = [_content(file.path) for file in files]
    whole = [c is not None and file.holds(c) for c, file in zip(contents, files, strict=True)]
    fresh = [None if ok else file.make() for ok, file in zip(whole, files, strict=True)]
    for number, (file, made) in enumerate(zip(files, fresh, strict=True)):
        if made is not None:
            write_bytes(file.path, made)
            contents[number] = read_bytes(file.path)
            if contents[number] != made or not file.holds(made):
                reason = "what was written reads back different"
                raise DataError(file.path, reason, "Check the disk and the memory")
    return [zlib.crc32(content or b"") for content in contents], not all(whole)


def _content(path: Path) -> bytes | None:
    return read_bytes(path) if path.exists() else None


def _millimetres(
    counts: UInt16[np.ndarray, "height width"], shift: float, path: Path, place: str
) -> UInt16[np.ndarray, "height width"]:
    if shift == 1000:
        return counts
    millimetres = np.rint(counts * (1000 / shift))
    if millimetres.max(initial=0) > _FARTHEST_MM:
        reason = f"a depth of {millimetres.max() / 1000:g} m is beyond a 16-bit PNG's 65.535 m"
        raise DataError(path, reason, "", place)
    return millimetres.astype(np.uint16)


def _write_intrinsics(folder: Path, index: SensIndex) -> list[int]:
    header = index.header
    matrices = (
        header.colour_intrinsics, header.colour_extrinsics,
        header.depth_intrinsics, header.depth_extrinsics,
    )  # fmt: skip
    named = zip(INTRINSIC_NAMES, matrices, strict=True)
    files = tuple(_text_file(folder / "intrinsic" / f"{name}.txt", m) for name, m in named)
    return _ensure(files)[0]
