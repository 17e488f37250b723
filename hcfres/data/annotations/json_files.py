"""The JSON files of Multi3DRefer and ScanRefer as published, read to expressions.

Both may carry, where it says something, keys of our own: entities, viewpoint, frames, kind,
variant_of. Where the targets are hidden (ScanRefer's test file) every expression is marked so.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from hcfres.data.annotations.annotations import Annotations, Rejected, collect
from hcfres.data.annotations.entries import AnyId, Id, Ids, Point, SceneName, read_entries
from hcfres.data.expression import Entity, EvalType, Expression, Role, Viewpoint
from hcfres.data.labels import LabelTable


class _Entity(BaseModel):
    start: Id
    end: Id
    object_ids: Ids
    role: Role


class _Viewpoint(BaseModel):
    position: Point
    look_at: Point


class _Ours(BaseModel):
    """The keys both files have, and those that neither has of its own."""

    scene_id: SceneName
    ann_id: AnyId
    description: str
    entities: tuple[_Entity, ...] = ()
    viewpoint: _Viewpoint | None = None
    frames: Ids | None = None
    kind: str = "refer"
    variant_of: str | None = None


class _Multi3DRefer(_Ours):
    object_ids: Ids
    object_name: str
    eval_type: EvalType
    spatial: bool = False
    color: bool = False
    texture: bool = False
    shape: bool = False


class _Untold(_Multi3DRefer):
    """Multi3DRefer without its answers."""

    object_ids: Ids = []
    object_name: str = ""
    eval_type: EvalType | None = None  # type: ignore[assignment]


class _ScanRefer(_Ours):
    object_id: AnyId
    object_name: str


Form = TypeVar("Form", bound=_Ours)


def read_multi3drefer(path: Path, way_out: str = "", hidden: bool = False) -> Annotations:
    """Read the sentences of a split in the file's order; blanks around a sentence are dropped.

    An entry is named by its scene and ann_id. Rejected: values of the wrong type, an eval_type
    that the number of targets contradicts, a key or a target that comes twice, an empty sentence,
    an entity outside its sentence.

    Args:
        hidden: the targets are not public: object_ids, object_name and eval_type may be left out
            (eval_type then only counts object_ids), and the expressions are marked.

    Raises:
        DataError: the file is missing or no JSON array.
    """
    form: type[_Multi3DRefer] = _Untold if hidden else _Multi3DRefer
    entries = read_entries(path, form, ("scene_id", "object_ids", "ann_id"), way_out)
    return collect(
        path, _made(entries, lambda e: _multi(e, hidden)), lambda item: (item.scene_id, item.ann_id)
    )


def read_scanrefer(
    path: Path, labels: LabelTable, way_out: str = "", hidden: bool = False
) -> Annotations:
    """Read the sentences of a split, each with one target.

    An entry is named by its scene, object and ann_id. ScanRefer's `unique` is st_wo_d, its
    `multiple` st_w_d: an object is unique when exactly one annotated object of its scene in this
    file is of its benchmark class (17 classes, anything else counts as one more). As in
    ScanRefer's own code an object counts once, by the name its first entry gives it, and entries
    that are rejected for another reason than their form count too. The four cue flags are not
    annotated and False.

    Raises:
        DataError: the file is missing or no JSON array.
    """
    entries = read_entries(path, _ScanRefer, ("scene_id", "object_id", "ann_id"), way_out)
    whole = [entry for _, entry in entries if isinstance(entry, _ScanRefer)]
    rivals = _rivals(whole, labels)

    def made(entry: _ScanRefer) -> Expression:
        alone = rivals[entry.scene_id, labels.benchmark_class(entry.object_name)] == 1
        eval_type: EvalType = "st_wo_d" if alone else "st_w_d"
        return _expression(
            entry, "scanrefer", (entry.object_id,), entry.object_name, eval_type, hidden
        )

    return collect(path, _made(entries, made), lambda item: item.key)


def _rivals(entries: list[_ScanRefer], labels: LabelTable) -> Counter[tuple[str, int]]:
    """How many annotated objects of each benchmark class each scene has."""
    named: dict[tuple[str, int], str] = {}
    for entry in entries:
        named.setdefault((entry.scene_id, entry.object_id), entry.object_name)
    return Counter((scene, labels.benchmark_class(name)) for (scene, _), name in named.items())


def _made(
    entries: Iterable[tuple[str, Form | Rejected]], make: Callable[[Form], Expression]
) -> Iterator[tuple[str, Expression | Rejected]]:
    for place, entry in entries:
        yield place, entry if isinstance(entry, Rejected) else make(entry)


def _multi(entry: _Multi3DRefer, hidden: bool) -> Expression:
    ids = tuple(entry.object_ids)
    counted: EvalType = "mt" if len(ids) > 1 else "st_w_d" if ids else "zt_w_d"
    eval_type = entry.eval_type or counted
    flags = (entry.spatial, entry.color, entry.texture, entry.shape)
    return _expression(entry, "multi3drefer", ids, entry.object_name, eval_type, hidden, flags)


def _expression(
    entry: _Ours,
    dataset: str,
    object_ids: tuple[int, ...],
    object_name: str,
    eval_type: EvalType,
    hidden: bool,
    flags: tuple[bool, bool, bool, bool] = (False, False, False, False),
) -> Expression:
    blanks = len(entry.description) - len(entry.description.lstrip())
    view = entry.viewpoint
    return Expression(
        dataset=dataset,
        scene_id=entry.scene_id,
        object_ids=object_ids,
        ann_id=entry.ann_id,
        object_name=object_name,
        description=entry.description.strip(),
        eval_type=eval_type,
        spatial=flags[0],
        color=flags[1],
        texture=flags[2],
        shape=flags[3],
        kind=entry.kind,
        entities=tuple(
            Entity(e.start - blanks, e.end - blanks, tuple(e.object_ids), e.role)
            for e in entry.entities
        ),
        viewpoint=None if view is None else Viewpoint(view.position, view.look_at),
        frames=None if entry.frames is None else tuple(entry.frames),
        variant_of=entry.variant_of,
        hidden=hidden,
    )
