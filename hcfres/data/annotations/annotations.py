"""What a file of annotations holds: sentences, entries that cannot be used, and doubts.

The writers of Multi3DRefer's and ScanRefer's JSON are here too. Both files carry, where it says
something, keys of our own: entities, viewpoint, frames, kind, variant_of.
"""

import json
import re
import shlex
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hcfres.data.errors import DataError, too_many
from hcfres.data.expression import Expression
from hcfres.data.files import write_bytes

_ABSENT = " is not on the disk"


@dataclass(frozen=True)
class Finding:
    """Something about one entry of a file."""

    place: str
    """`[17]` in a JSON array, counted from 0; `line 18` in a CSV file, counted from 1."""
    key: str
    """The entry's `Expression.key`, or as much of it as could be read."""
    reason: str

    def __str__(self) -> str:
        return f"{self.place} {self.key}".rstrip() + f": {self.reason}"


class Rejected(Finding):
    """An entry that is left out, and why."""


class Note(Finding):
    """An entry that is used although something about it looks wrong."""


@dataclass(frozen=True)
class Annotations:
    """The sentences of a split and everything that was wrong with its file."""

    expressions: tuple[Expression, ...]
    """Those that can be used, in the file's order."""
    rejected: tuple[Rejected, ...]
    notes: tuple[Note, ...] = ()
    places: tuple[str, ...] = ()
    """Where each of `expressions` stands in the file, as `Finding.place`."""
    path: Path | None = None
    """The file."""
    unknown: tuple[str, ...] = ()
    """Scans that entries among `rejected` are about and that are not on the disk, one an entry."""

    @property
    def total(self) -> int:
        """How many entries the file has for this split."""
        return len(self.expressions) + len(self.rejected)


def rejections_text(found: Annotations) -> str:
    """Say in one line how many entries were left out and which command lists them; else ""."""
    if not found.rejected:
        return ""
    said = f"{len(found.rejected)} of {found.total} entries cannot be used and were left out"
    if found.path is None:
        return said
    listing = f"`hcfres data sentences {shlex.quote(str(found.path))}` lists them"
    return f"{found.path}: {said}; {listing}"


def collect(
    path: Path,
    entries: Iterable[tuple[str, Expression | Rejected]],
    identity: Callable[[Expression], Hashable],
) -> Annotations:
    """Sort entries into those that can be used and those that contradict themselves.

    An annotation that comes twice is used once, the first time.

    Args:
        entries: each with its place.
        identity: what no two entries of this file may share.
    """
    kept: list[Expression] = []
    places: list[str] = []
    rejected: list[Rejected] = []
    seen: dict[Hashable, str] = {}
    for place, entry in entries:
        if isinstance(entry, Rejected):
            rejected.append(entry)
            continue
        problems = list(_contradictions(entry))
        first = seen.get(identity(entry))
        if first is not None and not problems:
            problems = [f"the same annotation comes twice, first at {first}"]
        if problems:
            rejected.append(Rejected(place, entry.key, "; ".join(problems)))
            continue
        seen[identity(entry)] = place
        kept.append(entry)
        places.append(place)
    return Annotations(tuple(kept), tuple(rejected), (), tuple(places), path)


def held_against_scans(
    found: Annotations,
    scans: Mapping[str, Mapping[int, str] | None],
    listed: frozenset[str] | None = None,
) -> Annotations:
    """Reject entries about scans or objects that are not there; note names unlike the labels.

    Args:
        scans: the label of each object of each scan on the disk; None for a scan whose objects
            are not public, of which nothing is checked.
        listed: the scans of the split; entries about others are rejected. None: not known.
    """
    kept: list[tuple[str, Expression]] = []
    rejected, notes, unknown = list(found.rejected), list(found.notes), list(found.unknown)
    for place, item in zip(found.places, found.expressions, strict=True):
        if reason := _stranger(item, scans, listed):
            rejected.append(Rejected(place, item.key, reason))
            unknown += [item.scene_id] if reason.endswith(_ABSENT) else []
            continue
        kept.append((place, item))
        objects = scans[item.scene_id]
        if objects is not None and (doubt := _misnamed(item, objects)):
            notes.append(Note(place, item.key, doubt))
    return replace(
        found,
        expressions=tuple(item for _, item in kept),
        places=tuple(place for place, _ in kept),
        rejected=tuple(rejected),
        notes=tuple(notes),
        unknown=tuple(unknown),
    )


def require_scans(found: Annotations, way_out: str = "") -> None:
    """Refuse annotations that lack scans.

    Raises:
        DataError: naming every scan that is not on the disk, and what else was left out.
    """
    if not found.unknown:
        return
    counts = Counter(found.unknown)
    scenes = [f"scene {name} is unknown ({counts[name]} expressions)" for name in sorted(counts)]
    others = [str(item) for item in found.rejected if not item.reason.endswith(_ABSENT)]
    source = found.path or "annotations"
    raise DataError(source, too_many(scenes + others, len(scenes) + 12).rstrip(), way_out)


def write_multi3drefer(path: Path, expressions: Iterable[Expression]) -> None:
    """Write sentences as Multi3DRefer does, our own keys where they say something."""
    entries = [
        {
            "scene_id": item.scene_id,
            "object_ids": list(item.object_ids),
            "object_name": item.object_name,
            "ann_id": item.ann_id,
            "eval_type": item.eval_type,
            "description": item.description,
            "spatial": item.spatial,
            "color": item.color,
            "texture": item.texture,
            "shape": item.shape,
        }
        | _our_keys(item)
        for item in expressions
    ]
    write_bytes(path, json.dumps(entries, indent=1).encode())


def write_scanrefer(path: Path, expressions: Iterable[Expression]) -> None:
    """Write sentences as ScanRefer does: numbers as strings, words and punctuation as `token`.

    Raises:
        ValueError: an expression has not exactly one target.
    """
    entries = []
    for item in expressions:
        if len(item.object_ids) != 1:
            raise ValueError(f"{item.key}: ScanRefer's sentences have one target")
        entry = {
            "scene_id": item.scene_id,
            "object_id": str(item.object_ids[0]),
            "object_name": item.object_name,
            "ann_id": str(item.ann_id),
            "description": item.description,
            "token": re.findall(r"\w+|[^\w\s]", item.description.lower()),
        }
        entries.append(entry | _our_keys(item))
    write_bytes(path, json.dumps(entries, indent=1).encode())


def _our_keys(item: Expression) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if item.entities:
        found["entities"] = [
            {"start": e.start, "end": e.end, "object_ids": list(e.object_ids), "role": e.role}
            for e in item.entities
        ]
    if item.viewpoint is not None:
        found["viewpoint"] = {
            "position": list(item.viewpoint.position),
            "look_at": list(item.viewpoint.look_at),
        }
    if item.frames is not None:
        found["frames"] = list(item.frames)
    if item.kind != "refer":
        found["kind"] = item.kind
    if item.variant_of is not None:
        found["variant_of"] = item.variant_of
    return found


def _contradictions(item: Expression) -> Iterator[str]:
    count = len(item.object_ids)
    right = {"zt": count == 0, "st": count == 1, "mt": count >= 2}[item.eval_type[:2]]
    if not right:
        yield f"eval_type {item.eval_type} with {count} targets"
    if len(set(item.object_ids)) != count:
        yield f"a target comes twice: {list(item.object_ids)[:12]}"
    if not item.description:
        yield "the description is empty"
    length = len(item.description)
    if any(not 0 <= entity.start < entity.end <= length for entity in item.entities):
        yield f"an entity lies outside the description's {length} characters"


def _stranger(
    item: Expression,
    scans: Mapping[str, Mapping[int, str] | None],
    listed: frozenset[str] | None,
) -> str:
    """Why a sentence does not belong to this split and these scans; "" if it does."""
    if listed is not None and item.scene_id not in listed:
        return f"scene {item.scene_id} is not in the split's list"
    if item.scene_id not in scans:
        return f"scene {item.scene_id}{_ABSENT}"
    objects = scans[item.scene_id]
    if objects is None:
        return ""
    named = set(item.object_ids).union(*(entity.object_ids for entity in item.entities))
    absent = sorted(named - objects.keys())
    return f"scene {item.scene_id} has no object {absent[:12]}" if absent else ""


def _misnamed(item: Expression, objects: Mapping[int, str]) -> str:
    """How the labels of the targets differ from the name in the annotation; "" if they do not."""
    name = item.object_name.replace("_", " ")
    labels = sorted({objects[i] for i in item.object_ids if objects[i].replace("_", " ") != name})
    if not labels:
        return ""
    return f"object_name is {item.object_name[:40]!r}, the scan's label {labels[:4]}"
