"""The target objects of a batch's expressions, side by side."""

from dataclasses import dataclass
from itertools import zip_longest

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hcfres.data.batch import Batch, TargetBatch
from hcfres.model.output import NetworkOutput

_NOT_AN_OBJECT = -2
"""Fills rows of expressions with fewer targets; no superpoint carries it."""


@dataclass(frozen=True)
class Objects:
    """Targets padded to the expression that has most; `valid` says which are real."""

    instance_of_superpoint: Int[Tensor, "expressions max_superpoints"]
    """In the expression's scene; below 0 where no object owns it, and at padding."""
    ids: Int[Tensor, "expressions objects"]
    masks: Bool[Tensor, "expressions objects max_superpoints"]
    """Superpoints the object owns."""
    centroids: Float[Tensor, "expressions objects 3"]
    """Mean of the centroids of its superpoints, metres."""
    valid: Bool[Tensor, "expressions objects"]
    """False at padding, and for an object that owns no superpoint: it cannot be learned from."""


def make_objects(output: NetworkOutput, batch: Batch) -> Objects:
    """The targets of the expressions that `output` is about.

    Raises:
        ValueError: the batch has no targets.
    """
    if batch.targets is None:
        raise ValueError("the objective needs a batch with targets")
    scene = batch.text.scene_of_expression
    counts = torch.tensor(batch.scenes.superpoint_counts, device=output.padded.device)
    starts = counts.cumsum(0) - counts
    row = torch.arange(output.padded.shape[1], device=output.padded.device)
    place = (starts[scene][:, None] + row).clamp(max=int(counts.sum()) - 1)
    instances = batch.targets.instance_of_superpoint[place].masked_fill(output.padded, -1)
    return objects_from(instances, _table(batch.targets, instances), output.centroids)


def objects_from(
    instances: Int[Tensor, "expressions max_superpoints"],
    ids: Int[Tensor, "expressions objects"],
    centroids: Float[Tensor, "expressions max_superpoints 3"],
) -> Objects:
    """The objects called `ids`, from the instance and the centroid of each superpoint."""
    masks = instances[:, None] == ids[..., None]
    owned = masks.sum(-1, keepdim=True)
    means = masks.to(centroids.dtype) @ centroids / owned.clamp(min=1)
    return Objects(instances, ids, masks, means, owned.squeeze(-1) > 0)


def _table(
    targets: TargetBatch, like: Int[Tensor, "expressions max_superpoints"]
) -> Int[Tensor, "expressions objects"]:
    columns = list(zip_longest(*targets.object_ids, fillvalue=_NOT_AN_OBJECT))
    shape = (len(columns), len(targets.object_ids))
    return torch.tensor(columns, dtype=like.dtype, device=like.device).reshape(shape).T
