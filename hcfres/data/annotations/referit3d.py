"""Nr3D and Sr3D (ReferIt3D) from their CSV files as published.

Columns read, as ReferIt3D's own code writes or reads them: scan_id, target_id, stimulus_id,
instance_type, utterance; in Nr3D also assignmentid and the uses_..._lang flags, in Sr3D the
coarse_reference_type, which tells its file from Nr3D's. All others are ignored; no cell is ever
evaluated. A stimulus is scene-class-objects-target-distractors, where `objects` counts the target
and its distractors of the same class: `scene0515_00-recycling_bin-2-41-40`.

Unverified, since no published file was at hand: that Nr3D's assignmentid is a number that comes
once for each target, and how a flag is spelt (True / False, or 1 / 0, in any case, are read).
"""

import csv
import io
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hcfres.data.annotations.annotations import Annotations, Rejected, collect
from hcfres.data.annotations.entries import LARGEST_ID, printable
from hcfres.data.errors import DataError
from hcfres.data.expression import EvalType, Expression
from hcfres.data.files import read_bytes
from hcfres.data.scannet import SCENE_ID

ReferIt3D = Literal["nr3d", "sr3d"]

LARGEST = 256 << 20
"""Bytes; Sr3D+ has some 20 million."""

_NEEDED: dict[ReferIt3D, tuple[str, ...]] = {
    "nr3d": ("scan_id", "target_id", "stimulus_id", "instance_type", "utterance", "assignmentid"),
    "sr3d": (
        "scan_id", "target_id", "stimulus_id", "instance_type", "utterance",
        "coarse_reference_type",
    ),
}  # fmt: skip
_FLAGS = ("uses_spatial_lang", "uses_color_lang", "uses_shape_lang")
_WORDS = {"true": True, "1": True, "false": False, "0": False, "": False}


@dataclass(frozen=True)
class Stimulus:
    """What a speaker was shown."""

    scene_id: str
    label: str
    """The class, underscores for spaces."""
    target: int
    distractors: tuple[int, ...]
    """The other objects of the class."""


def parse_stimulus(text: str) -> Stimulus | None:
    """Take a stimulus_id apart; None where it is not one. A class may contain hyphens."""
    scene, *parts = text.strip().rstrip("-").split("-")
    numbers = [_number(part) for part in parts]
    last = max((at for at, number in enumerate(numbers) if number is None), default=0)
    for at in range(max(last + 1, 1), len(parts) - 1):
        if numbers[at] == len(parts) - at - 1:
            target, *distractors = (number for number in numbers[at + 1 :] if number is not None)
            return Stimulus(scene, "-".join(parts[:at]), target, tuple(distractors))
    return None


def read_referit3d(
    path: Path,
    dataset: ReferIt3D,
    scans: Container[str] | None = None,
    elsewhere: Container[str] | None = None,
    way_out: str = "",
) -> Annotations:
    """Read the sentences about some scans; all have one target.

    The eval_type is st_w_d where the stimulus has distractors, else st_wo_d. Nr3D's ann_id is its
    assignmentid; Sr3D numbers nothing, its ann_id is the row's place from 0. Every Sr3D sentence
    is spatial; Nr3D says of each. Rows are kept whether or not a listener guessed right and
    whether or not they mention the target's class.

    Args:
        scans: those of the split; None for all rows.
        elsewhere: the scans of the other splits. A row about a scan in neither is rejected, as
            are, in every split, rows whose scan cannot be read; None: other rows are passed over.

    Raises:
        DataError: missing, larger than LARGEST, not UTF-8, not CSV, or lacking a column.
    """

    def entries() -> Iterator[tuple[str, Expression | Rejected]]:
        for number, (place, row) in enumerate(_rows(path, dataset, way_out)):
            if isinstance(row, Rejected):
                yield place, row
                continue
            scan = row["scan_id"]
            if scans is None or scan in scans or not SCENE_ID.fullmatch(scan):
                yield place, _entry(place, row, dataset, number)
            elif elsewhere is not None and scan not in elsewhere:
                reason = f"scene {scan} is in no split's list"
                yield place, Rejected(place, _key(row, dataset, number), reason)

    return collect(path, entries(), lambda item: item.key)


def _rows(
    path: Path, dataset: ReferIt3D, way_out: str
) -> Iterator[tuple[str, dict[str, str] | Rejected]]:
    """Every row with its place, its cells by column."""
    reader = csv.reader(io.StringIO(_text(path, way_out), newline=""), strict=True)
    begin = 1
    try:
        header = next(reader, [])
        _require_columns(path, header, dataset, way_out)
        begin = reader.line_num + 1
        for cells in reader:
            place = f"line {begin}"
            begin = reader.line_num + 1
            if not cells:
                continue
            if len(cells) == len(header):
                yield place, dict(zip(header, cells, strict=True))
            else:
                reason = f"{len(cells)} cells in {len(header)} columns"
                yield place, Rejected(place, "", reason)
    except csv.Error as error:
        raise DataError(path, f"this is not CSV ({error})", way_out, f"line {begin}") from None


def _text(path: Path, way_out: str) -> str:
    try:
        return read_bytes(path, way_out, LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(path, "this is not UTF-8 text", way_out, f"byte {error.start}") from None


def _require_columns(path: Path, header: list[str], dataset: ReferIt3D, way_out: str) -> None:
    absent = [name for name in _NEEDED[dataset] if name not in header]
    twice = [name for name in (*_NEEDED[dataset], *_FLAGS) if header.count(name) > 1]
    if absent or twice:
        wrong = f"lacks the columns {absent}" if absent else f"has the columns {twice} twice"
        raise DataError(path, f"the table {wrong} of {dataset}", way_out, "line 1")


def _entry(
    place: str, row: Mapping[str, str], dataset: ReferIt3D, number: int
) -> Expression | Rejected:
    """The expression of a row, or everything that is wrong with it."""
    target = _number(row["target_id"])
    ann_id = number if dataset == "sr3d" else _number(row["assignmentid"])
    stimulus = parse_stimulus(row["stimulus_id"])
    flags = tuple(_WORDS.get(row.get(name, "").strip().lower()) for name in _FLAGS)
    problems = _problems(row, target, ann_id, stimulus)
    problems += [
        f"{name} is {row[name][:20]!r}, neither True nor False"
        for name, flag in zip(_FLAGS, flags, strict=True)
        if flag is None
    ]
    if problems or target is None or ann_id is None or stimulus is None:
        return Rejected(place, _key(row, dataset, number), "; ".join(problems))
    eval_type: EvalType = "st_w_d" if stimulus.distractors else "st_wo_d"
    return Expression(
        dataset=dataset,
        scene_id=row["scan_id"],
        object_ids=(target,),
        ann_id=ann_id,
        object_name=row["instance_type"].strip().replace(" ", "_"),
        description=row["utterance"].strip(),
        eval_type=eval_type,
        spatial=dataset == "sr3d" or bool(flags[0]),
        color=bool(flags[1]),
        texture=False,
        shape=bool(flags[2]),
    )


def _problems(
    row: Mapping[str, str], target: int | None, ann_id: int | None, stimulus: Stimulus | None
) -> list[str]:
    found = []
    if not SCENE_ID.fullmatch(row["scan_id"]):
        found.append(f"scan_id {row['scan_id'][:40]!r} is no scan's name")
    if target is None:
        found.append(f"target_id {row['target_id'][:40]!r} is no object's number")
    if ann_id is None:
        found.append(f"assignmentid {row['assignmentid'][:40]!r} is no number")
    if stimulus is None:
        said = row["stimulus_id"][:60]
        found.append(f"stimulus_id {said!r} is not scene-class-objects-target-distractors")
    elif (stimulus.scene_id, stimulus.target) != (row["scan_id"], target):
        said = f"object {stimulus.target} of {printable(stimulus.scene_id)}"
        found.append(f"stimulus_id asks for {said}, scan_id and target_id for another")
    return found


def _key(row: Mapping[str, str], dataset: ReferIt3D, number: int) -> str:
    ann_id = str(number) if dataset == "sr3d" else row["assignmentid"]
    return "|".join(printable(part) for part in (row["scan_id"], row["target_id"], ann_id))


def _number(cell: str) -> int | None:
    """The number of an object or annotation, None where it is none."""
    digits = cell.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        return None
    return int(digits) if int(digits) <= LARGEST_ID else None
