"""Format `masks`: plain masks, numpy archives of booleans.

A folder with an archive for each scan, `<scene>.npz` as `numpy.savez_compressed` writes it. An
array's name is the expression's: `<ann_id>`, or `<object_id>|<ann_id>` where annotations of several
objects share a number (ScanRefer, Nr3D). An array is of type bool, or uint8 of zeros and ones:

* `(vertices,)`: one mask of everything meant, all False for an answer of "nothing";
* `(instances, vertices)`: a mask for each predicted instance, none for "nothing"; beside it
  `<name>.scores`, if you like, floats `(instances,)`: the surer, the higher.

Vertices are in the order of `<scene>_vh_clean_2.ply`. All expressions of a folder have the same of
the two forms. Nothing is unpickled, and what an array's header says is believed only where it
agrees with the scan.
"""

import io
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from hcfres.data.errors import DataError
from hcfres.data.expression import Expression
from hcfres.evaluation.imported.answers import (
    Asked,
    ForeignAnswer,
    ForeignInstance,
    Opened,
    Read,
    UnusableError,
    collected,
)

MOST_INSTANCES = 1024
MOST_SCANS = 10_000
_SCORES = ".scores"
_LONGEST_HEADER = 16_384
"""Bytes; numpy writes 128 where an array has a few axes, and believes any length it is told."""
_NAME = re.compile(r"(?:(\d{1,9})\|)?(\d{1,9})")
_WAY_OUT = "`hcfres import-predictions --help` describes the format"
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What numpy writes; nothing else is unpacked."""
_BROKEN = (
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    ValueError,
    tokenize.TokenError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What a damaged archive, or an array's damaged header, ends in."""
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class Header:
    """What an array says of itself."""

    shape: tuple[int, ...]
    kind: np.dtype


def open_masks(path: Path, asked: Asked) -> Opened:
    """Find the answers in a folder.

    Raises:
        DataError: nothing is there, an archive is damaged, or both forms are mixed.
    """
    files = sorted(path.glob("*.npz")) if path.is_dir() else []
    if not files or len(files) > MOST_SCANS:
        raise DataError(path, f"a folder with {len(files)} .npz files", _WAY_OUT)
    headers = {file: _headers(file) for file in files}
    axes = {len(h.shape) for of in headers.values() for n, h in of.items() if _is_mask(n)}
    if axes - {1, 2} or len(axes) > 1:
        reason = f"masks of {' and '.join(map(str, sorted(axes)))} axes; all have one, or all two"
        raise DataError(path, reason, _WAY_OUT)
    found = (item for file in files for item in _found(file, headers[file], asked))
    return collected("instances" if axes == {2} else "union", found)


def _is_mask(name: str) -> bool:
    return not name.endswith(_SCORES)


def _found(
    file: Path, headers: dict[str, Header], asked: Asked
) -> Iterator[tuple[str, Expression | UnusableError, Read | None]]:
    if file.stem not in asked.scenes:
        reason = f"the scan is not asked about in this split ({len(headers)} arrays)"
        yield file.name[:60], UnusableError(reason), None
        return
    for name, header in headers.items():
        place = f"{file.name}, {name[:60]!r}"
        if _is_mask(name):
            scores = headers.get(name + _SCORES)
            read = partial(_read, file, name, (header, scores))
            yield place, _expression(file.stem, name, asked), read
        elif name.removesuffix(_SCORES) not in headers:
            yield place, UnusableError("scores of no masks"), None


def _expression(scene_id: str, name: str, asked: Asked) -> Expression | UnusableError:
    parts = _NAME.fullmatch(name)
    if parts is None:
        return UnusableError("neither `<ann_id>` nor `<object_id>|<ann_id>`")
    try:
        return asked.find(scene_id, int(parts[2]), None if parts[1] is None else (int(parts[1]),))
    except UnusableError as error:
        return error


def _headers(file: Path) -> dict[str, Header]:
    found: dict[str, Header] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if member.compress_type not in _PACKED:
                    raise ValueError(f"{member.filename[:60]!r} is packed in an unknown way")
                with archive.open(member) as content:
                    name = member.filename.removesuffix(".npy")
                    if name in found:
                        raise ValueError(f"{name[:60]!r} comes twice")
                    found[name], _ = _header(content)
    except _BROKEN as error:
        raise DataError(file, f"no archive of arrays ({error})"[:300], _WAY_OUT) from None
    return found


def _header(content: Any) -> tuple[Header, bytes]:
    """The header at the beginning of an array's file, and what was read behind it."""
    beginning = io.BytesIO(content.read(_LONGEST_HEADER))
    version = np.lib.format.read_magic(beginning)
    if version not in _HEADERS:
        raise ValueError(f"an array of numpy's version {version}")
    shape, by_column, kind = _parsed(_HEADERS[version], beginning)
    if by_column and len(shape) > 1:
        raise ValueError("an array in Fortran's order")
    if kind.hasobject:
        raise ValueError("an array of Python objects, which is never read")
    if any(length < 0 for length in shape):
        raise ValueError(f"an array of shape {shape}")
    return Header(shape, kind), beginning.read()


def _parsed(
    parse: Callable[[io.BytesIO], tuple[tuple[int, ...], bool, np.dtype]], beginning: io.BytesIO
) -> tuple[tuple[int, ...], bool, np.dtype]:
    try:
        return parse(beginning)
    except _BROKEN:
        raise
    except Exception as error:  # numpy evaluates a literal, which ends in whatever Python raises
        raise ValueError(f"a header that is none: {type(error).__name__}") from error


def _read(
    file: Path, name: str, headers: tuple[Header, Header | None], points: int
) -> ForeignAnswer:
    masks, scores = headers
    if masks.shape[-1] != points:
        raise UnusableError(f"a mask of {masks.shape[-1]} vertices, the scan has {points}")
    if masks.kind not in (np.dtype(bool), np.dtype(np.uint8)):
        raise UnusableError(f"an array of {masks.kind}, masks are bool or uint8")
    if len(masks.shape) == 2 and masks.shape[0] > MOST_INSTANCES:
        raise UnusableError(f"{masks.shape[0]} instances, more than {MOST_INSTANCES}")
    mask = _booleans(_content(file, name, masks))
    if mask.ndim == 1:
        return ForeignAnswer(union=mask)
    sure = _sure(file, name, scores, len(mask))
    return ForeignAnswer(
        instances=tuple(
            ForeignInstance(mask=one, score=score) for one, score in zip(mask, sure, strict=True)
        )
    )


def _sure(file: Path, name: str, header: Header | None, count: int) -> list[float | None]:
    if header is None:
        return [None] * count
    if header.shape != (count,) or header.kind.kind != "f":
        raise UnusableError(f"scores of shape {header.shape} and type {header.kind} for {count}")
    scores: Float[np.ndarray, " instances"] = _content(file, name + _SCORES, header)
    if not np.isfinite(scores).all():
        raise UnusableError("a score is not finite")
    return [float(score) for score in scores]


def _content(file: Path, name: str, header: Header) -> np.ndarray:
    size = int(np.prod(header.shape, dtype=np.int64)) * header.kind.itemsize
    try:
        with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as content:
            _, beginning = _header(content)
            raw = beginning[: size + 1] + content.read(max(0, size + 1 - len(beginning)))
    except (*_BROKEN, KeyError) as error:
        raise DataError(file, f"damaged ({error})"[:300], _WAY_OUT, repr(name[:60])) from None
    if len(raw) != size:
        raise UnusableError(f"{len(raw)} bytes or more, its header says {size}")
    return np.frombuffer(raw, header.kind).reshape(header.shape)


def _booleans(mask: np.ndarray) -> Bool[np.ndarray, "..."]:
    if mask.dtype == bool:
        mask = mask.view(np.uint8)
    if (mask > 1).any():
        raise UnusableError("a uint8 mask has values other than 0 and 1")
    return mask.astype(bool)
