"""What a sentence means in a scene, as the annotations say."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["target", "anchor", "other"]
EvalType = Literal["zt_w_d", "zt_wo_d", "st_w_d", "st_wo_d", "mt"]
EVAL_TYPES: tuple[EvalType, ...] = ("zt_w_d", "zt_wo_d", "st_w_d", "st_wo_d", "mt")


@dataclass(frozen=True)
class Entity:
    """A phrase of the description and the objects it names."""

    start: int
    """First character of the phrase in the description."""
    end: int
    """One past its last character."""
    object_ids: tuple[int, ...]
    """Objects of the scene the phrase names; empty when none exists."""
    role: Role


@dataclass(frozen=True)
class Viewpoint:
    """Where a speaker stands, for words such as `left of`; metres, world frame of the scan."""

    position: tuple[float, float, float]
    look_at: tuple[float, float, float]


@dataclass(frozen=True)
class Expression:
    """One annotated sentence about one scene."""

    dataset: str
    """`multi3drefer`, `scanrefer`, `nr3d` or `sr3d`."""
    scene_id: str
    object_ids: tuple[int, ...]
    """The targets; empty for a zero-target expression."""
    ann_id: int
    """Unique in a scene (Multi3DRefer) or in an object (the others)."""
    object_name: str
    """The described class, underscores for spaces; the absent class when there is no target."""
    description: str
    eval_type: EvalType
    spatial: bool
    color: bool
    texture: bool
    shape: bool
    kind: str = "refer"
    """What is asked: `refer`, later `reason` and others."""
    entities: tuple[Entity, ...] = ()
    viewpoint: Viewpoint | None = None
    frames: tuple[int, ...] | None = None
    """The frames an answer may use; None for all."""
    variant_of: str | None = None
    """The `key` of the expression this one rephrases."""
    hidden: bool = False
    """The targets are not public: what the file says of them is no truth to score against."""

    @property
    def key(self) -> str:
        """Name the expression uniquely within its dataset: scene, objects, annotation."""
        return f"{self.scene_id}|{'_'.join(map(str, self.object_ids))}|{self.ann_id}"
