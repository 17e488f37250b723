"""Sparse convolution in plain torch: for each cell of the kernel gather, multiply, add.

Slower than a library where one is at hand, and right wherever torch runs. Within one cell no
voxel is written twice, so sums are the same in every run, on GPUs too.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from hcfres.model.sparse.plain_pairs import Pairs, halving_pairs, joined, neighbour_pairs
from hcfres.model.sparse.sites import Sites, Weight


class PlainTorch:
    """Sparse convolution by torch's own operations."""

    name = f"plain torch {torch.__version__}"

    def neighbours(self, sites: Sites) -> Pairs:
        """Pairs of a 3x3x3 submanifold convolution."""
        return neighbour_pairs(sites)

    def halve(self, sites: Sites) -> tuple[Int[Tensor, "coarse 4"], Pairs]:
        """Sites of half the resolution, and the pairs of each with the sites it is made of."""
        return halving_pairs(sites)

    def submanifold(
        self, features: Float[Tensor, "voxels channels_in"], weight: Weight, pairs: Pairs
    ) -> Float[Tensor, "voxels channels_out"]:
        """Each site's sum over its neighbours; the sites stay."""
        return _PairedProducts.apply(features, weight, pairs)

    def strided(
        self, features: Float[Tensor, "voxels channels_in"], weight: Weight, pairs: Pairs
    ) -> Float[Tensor, "coarse channels_out"]:
        """Each coarse site's sum over the sites it is made of."""
        return _PairedProducts.apply(features, weight, pairs)

    def inverse(
        self, features: Float[Tensor, "coarse channels_in"], weight: Weight, pairs: Pairs
    ) -> Float[Tensor, "voxels channels_out"]:
        """What each site hears from its coarse site; 0 for a site that has none."""
        return _PairedProducts.apply(features, weight, pairs.reversed())

    def join(self, parts: Sequence[Pairs]) -> Pairs:
        """Pairs of scenes that stand one after the other, of each scene's own."""
        return joined(parts)


PLAIN = PlainTorch()


class _PairedProducts(torch.autograd.Function):
    """The sum over pairs of an input's features times the matrix of their cell.

    Backward gathers again instead of keeping what forward gathered: 27 times the features.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, pairs: Pairs) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.pairs = pairs
        matrices = weight.flatten(1, 3).permute(1, 2, 0)
        return _add_up(features, matrices, pairs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, weight = ctx.saved_tensors
        for_features = for_weight = None
        if ctx.needs_input_grad[0]:
            for_features = _add_up(grad, weight.flatten(1, 3).transpose(0, 1), ctx.pairs.reversed())
        if ctx.needs_input_grad[1]:
            for_weight = _weight_gradient(features, grad, ctx.pairs).view_as(weight)
        return for_features, for_weight, None


def _add_up(
    features: Float[Tensor, "inputs width_in"],
    matrices: Float[Tensor, "cells width_in width_out"],
    pairs: Pairs,
) -> Float[Tensor, "outputs width_out"]:
    if pairs.identity is None:
        total = features.new_zeros(pairs.voxels_out, matrices.shape[2])
    else:
        total = features @ matrices[pairs.identity]
    for matrix, inputs, outputs in zip(matrices, pairs.inputs, pairs.outputs, strict=True):
        if len(inputs):
            total.index_add_(0, outputs, features.index_select(0, inputs) @ matrix)
    return total


def _weight_gradient(
    features: Float[Tensor, "inputs width_in"],
    grad: Float[Tensor, "outputs width_out"],
    pairs: Pairs,
) -> Float[Tensor, "width_out cells width_in"]:
    cells = len(pairs.inputs)
    found = features.new_zeros(grad.shape[1], cells, features.shape[1])
    for cell, (inputs, outputs) in enumerate(zip(pairs.inputs, pairs.outputs, strict=True)):
        if cell == pairs.identity:
            found[:, cell] = grad.T @ features
        elif len(inputs):
            found[:, cell] = grad.index_select(0, outputs).T @ features.index_select(0, inputs)
    return found
