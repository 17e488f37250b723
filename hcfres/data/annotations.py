"""Sentences about scenes: the JSON files of Multi3DRefer and ScanRefer, to Expression and back.

Both carry, where present, keys of our own: entities, viewpoint, frames, kind, variant_of.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter

from hcfres.data.errors import DataError, too_many
from hcfres.data.expression import Entity, EvalType, Expression, Role, Viewpoint
from hcfres.data.files import read_json, write_bytes
from hcfres.data.labels import LabelTable

Id = Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)]
Coordinate = Annotated[float, Field(allow_inf_nan=False)]
Point = tuple[Coordinate, Coordinate, Coordinate]


def _number(value: object) -> object:
    """ScanRefer writes numbers as strings."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value)
    return value


AnyId = Annotated[Id, BeforeValidator(_number)]
SceneName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]


class _Entity(BaseModel):
    start: Id
    end: Id
    object_ids: list[Id]
    role: Role


class _Viewpoint(BaseModel):
    position: Point
    look_at: Point


class _Ours(BaseModel):
    """The keys that neither file has of its own."""

    entities: list[_Entity] = []
    viewpoint: _Viewpoint | None = None
    frames: list[Id] | None = None
    kind: str = "refer"
    variant_of: str | None = None


class _Multi3DRefer(_Ours):
    scene_id: SceneName
    object_ids: list[Id]
    object_name: str
    ann_id: AnyId
    eval_type: EvalType
    description: str
    spatial: bool = False
    color: bool = False
    texture: bool = False
    shape: bool = False


class _ScanRefer(_Ours):
    scene_id: SceneName
    object_id: AnyId
    object_name: str
    ann_id: AnyId
    description: str


_MULTI3DREFER: TypeAdapter[list[_Multi3DRefer]] = TypeAdapter(list[_Multi3DRefer])
_SCANREFER: TypeAdapter[list[_ScanRefer]] = TypeAdapter(list[_ScanRefer])


def read_multi3drefer(path: Path, way_out: str = "") -> tuple[Expression, ...]:
    """Read the sentences of a split in the file's order; blanks around a sentence are dropped.

    Raises:
        DataError: missing or malformed; eval_type and number of targets disagree; a key comes
            twice; an entity lies outside its sentence. All of it at once.
    """
    entries = read_json(path, _MULTI3DREFER.validate_json, way_out)
    expressions = tuple(
        _expression(entry, "multi3drefer", tuple(entry.object_ids), entry.eval_type)
        for entry in entries
    )
    _require_consistent(path, expressions, way_out)
    return expressions


def read_scanrefer(path: Path, labels: LabelTable, way_out: str = "") -> tuple[Expression, ...]:
    """Read the sentences of a split, each with one target.

    ScanRefer's `unique` is st_wo_d, its `multiple` st_w_d: an object is unique when no other
    annotated object of its scene in this file is of its benchmark class (18 classes, anything
    else counts as one more). The four cue flags are not annotated and False.

    Raises:
        DataError: as `read_multi3drefer`.
    """
    entries = read_json(path, _SCANREFER.validate_json, way_out)
    rivals: dict[tuple[str, int], set[int]] = defaultdict(set)
    for entry in entries:
        rivals[entry.scene_id, labels.benchmark_class(entry.object_name)].add(entry.object_id)
    expressions = []
    for entry in entries:
        same = rivals[entry.scene_id, labels.benchmark_class(entry.object_name)]
        eval_type: EvalType = "st_wo_d" if len(same) == 1 else "st_w_d"
        expressions.append(_expression(entry, "scanrefer", (entry.object_id,), eval_type))
    _require_consistent(path, tuple(expressions), way_out)
    return tuple(expressions)


def require_known_objects(
    path: Path,
    expressions: Iterable[Expression],
    objects: dict[str, frozenset[int]],
    way_out: str = "",
) -> None:
    """Refuse sentences about scenes or objects that are not in `objects` (scene to object ids).

    Raises:
        DataError: names every such scene and sentence.
    """
    unknown: dict[str, int] = defaultdict(int)
    problems = []
    for item in expressions:
        if item.scene_id not in objects:
            unknown[item.scene_id] += 1
            continue
        named = set(item.object_ids).union(*(entity.object_ids for entity in item.entities))
        if absent := sorted(named - objects[item.scene_id]):
            problems.append(f"{item.key}: scene {item.scene_id} has no object {absent}")
    scenes = [f"scene {name} is unknown ({n} expressions)" for name, n in sorted(unknown.items())]
    if scenes or problems:
        raise DataError(path, too_many(scenes + problems).rstrip(), way_out)


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


def _expression(
    entry: Any, dataset: str, object_ids: tuple[int, ...], eval_type: EvalType
) -> Expression:
    blanks = len(entry.description) - len(entry.description.lstrip())
    view = entry.viewpoint
    flags = {name: getattr(entry, name, False) for name in ("spatial", "color", "texture", "shape")}
    return Expression(
        dataset=dataset,
        scene_id=entry.scene_id,
        object_ids=object_ids,
        ann_id=entry.ann_id,
        object_name=entry.object_name,
        description=entry.description.strip(),
        eval_type=eval_type,
        kind=entry.kind,
        entities=tuple(
            Entity(e.start - blanks, e.end - blanks, tuple(e.object_ids), e.role)
            for e in entry.entities
        ),
        viewpoint=None if view is None else Viewpoint(view.position, view.look_at),
        frames=None if entry.frames is None else tuple(entry.frames),
        variant_of=entry.variant_of,
        **flags,
    )


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


def _require_consistent(path: Path, expressions: tuple[Expression, ...], way_out: str) -> None:
    problems, seen = [], set()
    for number, item in enumerate(expressions):
        place = f"[{number}] {item.key}"
        # A description is numbered in its scene or, in ScanRefer, in its object.
        key = item.key if item.dataset == "scanrefer" else f"{item.scene_id}|{item.ann_id}"
        if key in seen:
            problems.append(f"{place}: the same annotation comes twice")
        seen.add(key)
        problems += [f"{place}: {problem}" for problem in _contradictions(item)]
    if problems:
        raise DataError(path, too_many(problems).rstrip(), way_out)


def _contradictions(item: Expression) -> Iterable[str]:
    count = len(item.object_ids)
    right = {"zt": count == 0, "st": count == 1, "mt": count >= 2}[item.eval_type[:2]]
    if not right:
        yield f"eval_type {item.eval_type} with {count} targets"
    if len(set(item.object_ids)) != count:
        yield f"a target comes twice: {list(item.object_ids)}"
    if not item.description:
        yield "the description is empty"
    length = len(item.description)
    if any(not 0 <= entity.start < entity.end <= length for entity in item.entities):
        yield f"an entity lies outside the description's {length} characters"
