"""Sparse convolution by spconv. Importing this file imports the library."""

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hcfres.model.sparse.sites import Sites, Weight

# spconv asks torch at every start whether it is traced, by a name that newer torch warns about.
logging.getLogger("torch.fx._symbolic_trace").setLevel(logging.ERROR)

with warnings.catch_warnings():  # spconv decorates with names that newer torch calls old
    warnings.simplefilter("ignore", FutureWarning)
    from spconv import __version__
    from spconv.core import ConvAlgo
    from spconv.pytorch import functional, ops

_ALGORITHM = ConvAlgo.Native  # the one algorithm that also runs without a GPU
_ONES, _ZEROS = [1, 1, 1], [0, 0, 0]


@dataclass(frozen=True)
class Pairs:
    """spconv's pairs."""

    table: Int[Tensor, "2 cells voxels"]
    """Input and output voxels of each cell of the kernel, then -1."""
    counts: Int[Tensor, " cells"]
    voxels_in: int
    voxels_out: int


class Spconv:
    """Sparse convolution by spconv's `Native` algorithm."""

    name = f"spconv {__version__} (Native)"

    def neighbours(self, sites: Sites) -> Pairs:
        """Pairs of a 3x3x3 submanifold convolution."""
        return _pairs(sites, side=3, stride=1)[1]

    def halve(self, sites: Sites) -> tuple[Int[Tensor, "coarse 4"], Pairs]:
        """Sites of half the resolution, and the pairs of each with the sites it is made of."""
        return _pairs(sites, side=2, stride=2)

    def submanifold(
        self, features: Float[Tensor, "voxels channels_in"], weight: Weight, pairs: Pairs
    ) -> Float[Tensor, "voxels channels_out"]:
        """Each site's sum over its neighbours; the sites stay."""
        told = (pairs.table, pairs.counts, pairs.voxels_out, _ALGORITHM)
        return functional.indice_subm_conv(features.contiguous(), weight, *told)

    def strided(
        self, features: Float[Tensor, "voxels channels_in"], weight: Weight, pairs: Pairs
    ) -> Float[Tensor, "coarse channels_out"]:
        """Each coarse site's sum over the sites it is made of."""
        told = (pairs.table, pairs.counts, pairs.voxels_out, _ALGORITHM)
        return functional.indice_conv(features.contiguous(), weight, *told)

    def inverse(
        self, features: Float[Tensor, "coarse channels_in"], weight: Weight, pairs: Pairs
    ) -> Float[Tensor, "voxels channels_out"]:
        """What each site hears from its coarse site; 0 for a site that has none."""
        told = (pairs.table, pairs.counts, pairs.voxels_in, _ALGORITHM)
        return functional.indice_inverse_conv(features.contiguous(), weight, *told)

    def join(self, parts: Sequence[Pairs]) -> Pairs:
        """Pairs of scenes that stand one after the other, of each scene's own."""
        before_in = [0, *accumulate(part.voxels_in for part in parts)]
        before_out = [0, *accumulate(part.voxels_out for part in parts)]
        filled = torch.stack([(part.table[0] >= 0).sum(1) for part in parts])
        starts = filled.cumsum(0) - filled  # counts name the first half of a kernel's cells only
        wide = sum(part.table.shape[2] for part in parts)
        table = parts[0].table.new_full((*parts[0].table.shape[:2], wide), -1)
        for part, start, *before in zip(parts, starts, before_in, before_out, strict=False):
            sides, cells, columns = (part.table >= 0).nonzero().unbind(1)
            found = part.table[sides, cells, columns] + table.new_tensor(before)[sides]
            table[sides, cells, start[cells] + columns] = found
        counts = torch.stack([part.counts for part in parts])
        return Pairs(table, counts.sum(0, dtype=counts.dtype), before_in[-1], before_out[-1])


SPCONV = Spconv()


def _pairs(sites: Sites, side: int, stride: int) -> tuple[Int[Tensor, "outputs 4"], Pairs]:
    same = stride == 1
    padding = _ONES if same else _ZEROS
    outputs, table, counts = ops.get_indice_pairs(
        sites.coordinates.int().contiguous(),
        sites.scenes,
        list(sites.shape),
        _ALGORITHM,
        [side] * 3,
        [stride] * 3,
        padding,
        _ONES,
        _ZEROS,
        same,
        False,
    )
    return outputs, Pairs(table, counts, len(sites.coordinates), len(outputs))
