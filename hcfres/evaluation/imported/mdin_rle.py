"""Format `mdin-rle`: masks as MDIN and IPDN keep them, run lengths in JSON.

A folder with a file for each expression, `<scene>_<objects>_<ann_id>.json`, or one JSON file with
an object of such names (without `.json`) and the same contents:

    {"length": 6, "counts": "1 2 5 1"}

`length` is the number of vertices of `<scene>_vh_clean_2.ply`; `counts` names the runs of meant
vertices, first vertex (counted from 1) and length in turn: here vertices 0, 1 and 4. `<objects>` is
a target's id, or all of them as `[5, 13]` or `5_13`, or `[]`; it may be one of several. An empty
`counts` is an answer of "nothing".

The mask is of everything meant: instances, and so boxes, are not known. The authors number
ScanRefer's annotations anew by scan, and files named by those numbers are refused as unknown unless
the renumbered sentences are the dataset: give them to `hcfres acquire scanrefer` under the names
that ScanRefer's have. How their code spells several objects in a name could not be verified; all of
the above are read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge, MaxLen
from jaxtyping import Bool
from pydantic import TypeAdapter

from hcfres.data.errors import DataError
from hcfres.data.expression import Expression
from hcfres.data.files import read_json
from hcfres.evaluation.imported.answers import (
    Asked,
    ForeignAnswer,
    Opened,
    Read,
    UnusableError,
    collected,
)

LARGEST_MASK = 16 << 20
"""Bytes of one expression's file."""
MOST_FILES = 1_000_000
_NAME = re.compile(r"(scene\d{4}_\d{2})_(.*)_(\d{1,9})", re.ASCII)
_OBJECTS = re.compile(r"\[(\d{1,9}(, ?\d{1,9})*)?\]|(\d{1,9}(_\d{1,9})*)?", re.ASCII)
_COUNTS = re.compile(r"[\d\s]*", re.ASCII)
_WAY_OUT = "`hcfres import-predictions --help` describes the format"


@dataclass(frozen=True)
class RunLengths:
    """One mask."""

    length: Annotated[int, Ge(0)]
    counts: Annotated[str, MaxLen(LARGEST_MASK)]


_ONE: TypeAdapter[RunLengths] = TypeAdapter(RunLengths)
_MANY: TypeAdapter[dict[str, RunLengths]] = TypeAdapter(dict[str, RunLengths])


def open_mdin_rle(path: Path, asked: Asked) -> Opened:
    """Find the answers in a folder or a file.

    Raises:
        DataError: nothing is there, or one file of all is not as described above.
    """
    if path.is_dir():
        files = sorted(path.glob("*.json"))
        if not files or len(files) > MOST_FILES:
            raise DataError(path, f"{len(files)} .json files here", _WAY_OUT)
        return collected("union", _files(files, asked))
    masks = read_json(path, partial(_MANY.validate_json, strict=True), _WAY_OUT, keys_once=True)
    return collected("union", _members(masks, asked))


def decoded(told: RunLengths, points: int) -> Bool[np.ndarray, " points"]:
    """The mask that run lengths mean.

    Raises:
        UnusableError: of another number of vertices, or runs that are none.
    """
    if told.length != points:
        raise UnusableError(f"a mask of {told.length} vertices, the scan has {points}")
    try:
        if not _COUNTS.fullmatch(told.counts):
            raise ValueError
        numbers = np.array(told.counts.split(), dtype=np.int64)
    except (ValueError, OverflowError):
        raise UnusableError("`counts` are not whole numbers") from None
    first, lengths = numbers[0::2] - 1, numbers[1::2]
    if first.size != lengths.size or (lengths < 1).any() or (lengths > points).any():
        raise UnusableError("`counts` are not pairs of a first vertex and a length")
    ends = np.concatenate(([0], np.minimum(first, points) + lengths))
    if (first < ends[:-1]).any() or ends[-1] > points:
        raise UnusableError(f"`counts` are not ascending runs within {points} vertices")
    steps = np.zeros(points + 1, dtype=np.int8)
    steps[first] += 1
    steps[ends[1:]] -= 1
    return np.cumsum(steps[:-1]).astype(bool)


def _files(
    files: list[Path], asked: Asked
) -> Iterator[tuple[str, Expression | UnusableError, Read]]:
    for file in files:
        yield file.name, _expression(file.stem, asked), partial(_read_file, file)


def _members(
    masks: dict[str, RunLengths], asked: Asked
) -> Iterator[tuple[str, Expression | UnusableError, Read]]:
    for name, told in masks.items():
        yield f"{name[:60]!r}", _expression(name, asked), partial(_answer, told)


def _expression(name: str, asked: Asked) -> Expression | UnusableError:
    parts = _NAME.fullmatch(name)
    if parts is None:
        return UnusableError("not named <scene>_<objects>_<ann_id>")
    try:
        return asked.find(parts[1], int(parts[3]), _objects(parts[2]))
    except UnusableError as error:
        return error


def _objects(text: str) -> tuple[int, ...]:
    if not _OBJECTS.fullmatch(text):
        raise UnusableError(f"{text[:60]!r} are no objects: 5, 5_13, [5, 13] or [] are")
    return tuple(map(int, re.findall(r"\d+", text)))


def _read_file(file: Path, points: int) -> ForeignAnswer:
    parse = partial(_ONE.validate_json, strict=True)
    told = read_json(file, parse, _WAY_OUT, LARGEST_MASK, keys_once=True)
    return _answer(told, points)


def _answer(told: RunLengths, points: int) -> ForeignAnswer:
    return ForeignAnswer(union=decoded(told, points))
