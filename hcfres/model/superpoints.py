"""Superpoint pooling (Sec. III-B), and scenes of different size side by side."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def pool(
    values: Float[Tensor, "points channels"],
    superpoint_of_point: Int[Tensor, " points"],
    count: int,
) -> Float[Tensor, "{count} channels"]:
    """Mean over the points of each of `count` superpoints; zero where a superpoint has none."""
    points = values.new_zeros(count).index_add_(
        0, superpoint_of_point, values.new_ones(len(values))
    )
    sums = values.new_zeros(count, values.shape[1]).index_add(0, superpoint_of_point, values)
    return sums / points.clamp(min=1)[:, None]


@dataclass(frozen=True)
class Packing:
    """Where each superpoint of a batch stands when every scene has a row as long as the longest."""

    scenes: int
    longest: int
    slot: Int[Tensor, " superpoints"]
    """Place in the flattened (scenes, longest) table."""
    padded: Bool[Tensor, "scenes longest"]
    """True where no superpoint stands."""

    def pack(
        self, rows: Float[Tensor, "superpoints width"]
    ) -> Float[Tensor, "scenes longest width"]:
        """The rows in the table, zeros elsewhere."""
        table = rows.new_zeros(self.scenes * self.longest, rows.shape[1])
        return table.index_copy(0, self.slot, rows).unflatten(0, (self.scenes, self.longest))

    def unpack(
        self, table: Float[Tensor, "scenes longest width"]
    ) -> Float[Tensor, "superpoints width"]:
        """The rows of the superpoints, one after the other."""
        return table.flatten(0, 1).index_select(0, self.slot)

    def mark(self, chosen: Bool[Tensor, " superpoints"]) -> Bool[Tensor, "scenes longest"]:
        """True in the table where a chosen superpoint stands."""
        table = torch.zeros_like(self.padded).flatten()
        return table.index_copy(0, self.slot, chosen).view_as(self.padded)


def make_packing(
    counts: tuple[int, ...], scene_ids: tuple[str, ...], device: torch.device
) -> Packing:
    """The packing of scenes with `counts` superpoints.

    Raises:
        ValueError: a scene has no superpoints, named by its id.
    """
    empty = [scene for scene, count in zip(scene_ids, counts, strict=True) if not count]
    if empty:
        raise ValueError(
            f"no superpoints in {', '.join(empty)}: a scene needs at least one to be looked at"
        )
    longest = max(counts)
    sizes = torch.tensor(counts, device=device)
    padded = torch.arange(longest, device=device) >= sizes[:, None]
    slot = (~padded).flatten().nonzero().flatten()
    return Packing(len(counts), longest, slot, padded)
