"""Format `boxes`: boxes as M3DRef-CLIP writes them.

A folder with a file for each scan, `<scene>.json`, or one JSON file with an object of the scans:

    [{"ann_id": 3, "aabb": [[[x, y, z], ... 8 corners], ...]}, ...]

One entry for each expression; `aabb` has one item for each predicted box: its eight corners, in any
order, or its lower and upper corner; none for an answer of "nothing". Coordinates are metres in the
axis-aligned frame, that is after the scan's `axisAlignment`. ScanRefer and Nr3D need an `object_id`
besides, whose annotations share numbers. Other keys are passed over.

Boxes say nothing of vertices: they are scored by the box F1 alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le, Len
from pydantic import AfterValidator, FiniteFloat, TypeAdapter

from hcfres.data.errors import DataError
from hcfres.data.expression import Expression
from hcfres.data.files import read_json
from hcfres.evaluation.imported.answers import (
    Asked,
    ForeignAnswer,
    ForeignInstance,
    Opened,
    Read,
    UnusableError,
    collected,
)

MOST_SCANS = 10_000
FARTHEST_M = 1e6
"""A coordinate beyond this is no place in a scan."""
_WAY_OUT = "`hcfres import-predictions --help` describes the format"

_Coordinate = Annotated[FiniteFloat, Ge(-FARTHEST_M), Le(FARTHEST_M)]
_Corner = Annotated[list[_Coordinate], Len(3, 3)]


def _two_or_eight(corners: list[list[float]]) -> list[list[float]]:
    if len(corners) not in (2, 8):
        raise ValueError(f"a box of {len(corners)} corners; give the lower and the upper, or all 8")
    return corners


_Box = Annotated[list[_Corner], Len(2, 8), AfterValidator(_two_or_eight)]
_Number = Annotated[int, Ge(0)]


@dataclass(frozen=True)
class Entry:
    """The boxes of one expression."""

    ann_id: _Number
    aabb: Annotated[list[_Box], Len(0, 1024)]
    object_id: _Number | None = None


_SCAN: TypeAdapter[list[Entry]] = TypeAdapter(list[Entry])
_SCANS: TypeAdapter[dict[str, list[Entry]]] = TypeAdapter(dict[str, list[Entry]])


def open_boxes(path: Path, asked: Asked) -> Opened:
    """Find the answers in a folder or a file.

    Raises:
        DataError: nothing is there, or a file is not as described above.
    """
    if not path.is_dir():
        every = read_json(path, _SCANS.validate_json, _WAY_OUT, keys_once=True)
        return collected("boxes", _found(every, asked))
    files = sorted(path.glob("*.json"))
    if not files or len(files) > MOST_SCANS:
        raise DataError(path, f"{len(files)} .json files here", _WAY_OUT)
    scans = {
        file.stem: read_json(file, _SCAN.validate_json, _WAY_OUT, keys_once=True) for file in files
    }
    return collected("boxes", _found(scans, asked))


def _found(
    scans: dict[str, list[Entry]], asked: Asked
) -> Iterator[tuple[str, Expression | UnusableError, Read | None]]:
    for scene_id, entries in scans.items():
        if scene_id not in asked.scenes:
            reason = f"the scan is not asked about in this split ({len(entries)} entries)"
            yield scene_id[:40], UnusableError(reason), None
            continue
        for number, entry in enumerate(entries):
            place = f"{scene_id}[{number}]"
            yield place, _expression(scene_id, entry, asked), partial(_answer, entry)


def _expression(scene_id: str, entry: Entry, asked: Asked) -> Expression | UnusableError:
    named = None if entry.object_id is None else (entry.object_id,)
    try:
        return asked.find(scene_id, entry.ann_id, named)
    except UnusableError as error:
        return error


def _answer(entry: Entry, points: int) -> ForeignAnswer:
    boxes = [np.array(corners, dtype=np.float32) for corners in entry.aabb]
    return ForeignAnswer(
        instances=tuple(
            ForeignInstance(box=np.concatenate([box.min(0), box.max(0)])) for box in boxes
        )
    )
