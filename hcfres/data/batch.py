"""What the network is given and taught: a few scenes, the sentences about them, the answers.

Scenes are packed one after the other; sentences are padded to the longest.
"""

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hcfres.data.expression import Expression

TOKEN_MAPS = ("main", "attribute", "pronoun", "other", "relation")
"""The five token maps in the order of their axis."""


_M = TypeVar("_M", bound="_Movable")


class _Movable:
    """A dataclass whose tensors go to a device together."""

    def to(self: _M, device: torch.device | str) -> _M:
        """Copy every tensor to `device`; the rest is shared."""
        moved = {
            field.name: value.to(device)
            for field in fields(self)  # type: ignore[arg-type]
            if isinstance(value := getattr(self, field.name), Tensor | _Movable)
        }
        return replace(self, **moved)  # type: ignore[type-var]


@dataclass(frozen=True)
class SceneBatch(_Movable):
    """The language-free input: everything the U-Net and the fusion need."""

    scene_ids: tuple[str, ...]
    coordinates: Float[Tensor, "points 3"]
    """Metres, after augmentation, before elastic distortion; each scene minus its mean."""
    voxels: Int[Tensor, "points 3"]
    """Voxel of each point, each scene starting at 0."""
    features: Float[Tensor, "points channels_in"]
    """Colour in [-1, 1], then coordinates: six channels (prior_art.md 1.6)."""
    scene_of_point: Int[Tensor, " points"]
    superpoint_of_point: Int[Tensor, " points"]
    """Counted through the batch: a later scene's superpoints follow an earlier one's."""
    superpoint_counts: tuple[int, ...]
    """Superpoints of each scene, in order."""
    dense: Float[Tensor, "superpoints width"] | None
    """F_dense (Sec. III-C), zero where unseen; None when the method has no images."""
    dense_seen: Bool[Tensor, " superpoints"] | None
    instance: Float[Tensor, "superpoints instance_width"] | None
    """F_inst (Eq. 4, lifted), zero where no mask was seen; None without VSD."""
    instance_seen: Bool[Tensor, " superpoints"] | None
    moved: bool = False
    """The scenes were augmented: another time their voxels are others."""


@dataclass(frozen=True)
class TextBatch(_Movable):
    """Every sentence's tokens, and what frozen RoBERTa makes of them."""

    features: Float[Tensor, "expressions tokens text_width"]
    """Not read by a network that owns its text encoder."""
    valid: Bool[Tensor, "expressions tokens"]
    """False at padding."""
    scene_of_expression: Int[Tensor, " expressions"]
    """Index into the batch's scenes; non-decreasing."""
    ids: Int[Tensor, "expressions tokens"] | None = None
    """In RoBERTa's vocabulary, anything at padding; None where only the features are known."""


@dataclass(frozen=True)
class TargetBatch(_Movable):
    """What the objective compares with. Never made from validation scenes in training."""

    instance_of_superpoint: Int[Tensor, " superpoints"]
    """Object id that owns more than half of the superpoint's vertices, else NO_OBJECT."""
    object_ids: tuple[tuple[int, ...], ...]
    """Targets of each expression; empty for zero-target."""
    relevance: Float[Tensor, "expressions max_superpoints"]
    """Per superpoint of the expression's own scene, the mean over its vertices of: 1 on targets,
    0.5 on objects whose class the sentence names, else 0 (prior_art.md 1.7); 0 at padding."""
    token_maps: Float[Tensor, "expressions 5 tokens"]
    """In the order of TOKEN_MAPS; a span of n tokens holds 1/n on each."""


@dataclass(frozen=True)
class Batch(_Movable):
    """One step's worth."""

    scenes: SceneBatch
    text: TextBatch
    targets: TargetBatch | None
    expressions: tuple[Expression, ...]
