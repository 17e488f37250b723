"""The layers of a sparse network: they own the weights, a backend does the arithmetic.

Weights have the layout of the public code's library, (out, k, k, k, in), and begin as there.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hcfres.model.sparse.sites import SparseTensor


class SparseLayer(nn.Module):
    """A layer from SparseTensor to SparseTensor; all others see the features alone."""


class SparseSequential(nn.Sequential, SparseLayer):
    """Layers one after the other; the others are skipped where no voxel is left."""

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """The last layer's output."""
        for layer in self:
            if isinstance(layer, SparseLayer):
                tensor = layer(tensor)
            elif len(tensor.features):
                tensor = tensor.with_features(layer(tensor.features))
        return tensor


class PointwiseConv(SparseLayer):
    """A 1x1x1 convolution whose stored weight is read as the public code's library reads it.

    The weight has the shape (out, 1, 1, 1, in), but its flat memory is an (in, out) matrix, which
    is not the transpose of what the shape says. Published weights were trained that way.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels_out, 1, 1, 1, channels_in))
        bound = 1 / math.sqrt(channels_in)
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Every voxel's features times the matrix; the voxels stay."""
        channels_out, *_, channels_in = self.weight.shape
        matrix = self.weight.reshape(channels_in, channels_out)
        return tensor.with_features(tensor.features @ matrix)


class _Convolution(SparseLayer):
    """What the layers with a backend share."""

    side: int

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        sides = (self.side,) * 3
        self.weight = nn.Parameter(torch.empty(channels_out, *sides, channels_in))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))

    def _convolve(
        self,
        convolve: Callable[[Tensor, Tensor, Any], Tensor],
        features: Float[Tensor, "voxels channels_in"],
        pairs: Any,
    ) -> Float[Tensor, "others channels_out"]:
        """Run a backend's operation in the weight's precision whatever autocast says.

        Sums over 27 neighbours would lose digits, and spconv takes every autocast for float16.
        """
        kind = features.device.type
        if not torch.is_autocast_enabled(kind):
            return convolve(features, self.weight, pairs)
        with torch.autocast(kind, enabled=False):
            return convolve(features.to(self.weight.dtype), self.weight, pairs)


class SubmanifoldConv(_Convolution):
    """A 3x3x3 convolution that sees occupied voxels only and writes to the same ones."""

    side = 3

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Each voxel's sum over its neighbours; the voxels stay."""
        sites = tensor.sites
        operation = sites.backend.submanifold
        return tensor.with_features(self._convolve(operation, tensor.features, sites.neighbours))


class StridedConv(_Convolution):
    """A 2x2x2 convolution of stride 2: one voxel of eight."""

    side = 2

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Features of the voxels of half the resolution."""
        halved = tensor.sites.halved
        operation = tensor.sites.backend.strided
        features = self._convolve(operation, tensor.features, halved.pairs)
        return SparseTensor(features, halved.sites, (*tensor.finer, tensor.sites))


class InverseConv(_Convolution):
    """The way back from a StridedConv, to the very voxels that it came from."""

    side = 2

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Features of the voxels of twice the resolution; 0 for those that had no parent."""
        *finer, sites = tensor.finer
        features = self._convolve(sites.backend.inverse, tensor.features, sites.halved.pairs)
        return SparseTensor(features, sites, tuple(finer))
