"""Which voxels meet under a kernel, found by sorting: plain torch, on any device, without a loop.

A voxel's key is its place in a grid numbered row by row; a neighbour's key lies a fixed way off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, product

import torch
from jaxtyping import Int
from torch import Tensor

from hcfres.model.sparse.sites import Sites

Sizes = Sequence[int]
Indices = tuple[Int[Tensor, " _"], ...]

_MOST_KEYS = 2**62
_CENTRE = 13
"""The middle of a 3x3x3 kernel."""
_HALF = list(product((-1, 0, 1), repeat=3))[:_CENTRE]
"""Offsets of the kernel's first half; the second half is the first mirrored."""


@dataclass(frozen=True)
class Pairs:
    """For each cell of the kernel, which input voxel is added to which output voxel.

    In one cell no voxel stands twice on either side.
    """

    inputs: Indices
    outputs: Indices
    voxels_in: int
    voxels_out: int
    identity: int | None
    """The cell under which every voxel meets itself, left empty above; None if there is none."""

    def reversed(self) -> "Pairs":
        """The same pairs seen from the other side."""
        return Pairs(self.outputs, self.inputs, self.voxels_out, self.voxels_in, self.identity)


def neighbour_pairs(sites: Sites) -> Pairs:
    """Pairs of the 3x3x3 submanifold convolution.

    Raises:
        ValueError: the grid has too many cells to be numbered.
    """
    steps = [size + 2 for size in sites.shape]  # a rim, so that no row runs into the next one
    _check_size(sites.scenes, steps)
    keys, order = _keys(sites.coordinates, steps).sort()
    _, y, z = steps
    ways = torch.tensor([(dx * y + dy) * z + dz for dx, dy, dz in _HALF], device=keys.device)
    wanted = keys + ways[:, None]
    place = torch.searchsorted(keys, wanted).clamp_(max=max(len(keys) - 1, 0))
    cell, at = (keys[place] == wanted).nonzero().unbind(1)
    seen = order[place[cell, at]]
    counts = torch.bincount(cell, minlength=_CENTRE).tolist()
    first, second = seen.split(counts), order[at].split(counts)
    none = keys.new_zeros(0)
    return Pairs(
        inputs=(*first, none, *reversed(second)),
        outputs=(*second, none, *reversed(first)),
        voxels_in=len(keys),
        voxels_out=len(keys),
        identity=_CENTRE,
    )


def halving_pairs(sites: Sites) -> tuple[Int[Tensor, "coarse 4"], Pairs]:
    """Sites of half the resolution in lexicographic order, and pairs of the 2x2x2 convolution.

    Raises:
        ValueError: as for `neighbour_pairs`.
    """
    shape = sites.coarse_shape
    _check_size(sites.scenes, shape)
    coordinates = sites.coordinates.long()
    parents = torch.cat([coordinates[:, :1], coordinates[:, 1:] // 2], dim=1)
    kept = (parents[:, 1:] < parents.new_tensor(shape)).all(1)
    keys, parent = torch.unique(_keys(parents[kept], shape), return_inverse=True)
    parent_of_all = parents.new_full((len(parents),), -1).masked_scatter(kept, parent)
    x, y, z = (coordinates[:, 1:] % 2).unbind(1)
    cell = ((x * 2 + y) * 2 + z).masked_fill(~kept, 8)
    counts = torch.bincount(cell, minlength=9).tolist()
    children = cell.sort(stable=True).indices.split(counts)[:8]
    found = _places(keys, shape).to(sites.coordinates.dtype)
    outputs = tuple(parent_of_all[child] for child in children)
    return found, Pairs(children, outputs, len(coordinates), len(keys), identity=None)


def joined(parts: Sequence[Pairs]) -> Pairs:
    """Pairs of scenes that stand one after the other, of each scene's own."""
    before_in = [0, *accumulate(part.voxels_in for part in parts)]
    before_out = [0, *accumulate(part.voxels_out for part in parts)]
    return Pairs(
        inputs=_shifted([part.inputs for part in parts], before_in),
        outputs=_shifted([part.outputs for part in parts], before_out),
        voxels_in=before_in[-1],
        voxels_out=before_out[-1],
        identity=parts[0].identity,
    )


def _shifted(parts: Sequence[Indices], before: Sequence[int]) -> Indices:
    cells = zip(*parts, strict=True)
    return tuple(
        torch.cat([part + start for part, start in zip(cell, before, strict=False)])
        for cell in cells
    )


def _keys(coordinates: Int[Tensor, "voxels 4"], steps: Sizes) -> Int[Tensor, " voxels"]:
    scene, i, j, k = coordinates.long().unbind(1)
    x, y, z = steps
    return ((scene * x + i) * y + j) * z + k


def _places(keys: Int[Tensor, " voxels"], steps: Sizes) -> Int[Tensor, "voxels 4"]:
    """Undo `_keys`."""
    x, y, z = steps
    return torch.stack([keys // (x * y * z), keys // (y * z) % x, keys // z % y, keys % z], dim=1)


def _check_size(scenes: int, steps: Sizes) -> None:
    x, y, z = steps
    if scenes * x * y * z > _MOST_KEYS:
        raise ValueError(
            f"{scenes} scenes of {x} x {y} x {z} voxels are more cells than can be numbered; "
            "use larger voxels, or cut stray points off the scan"
        )
