"""Plain torch against dense convolutions, forward and backward, in double precision."""

import pytest
import torch
from torch.nn import functional as F

from hcfres.model.sparse.layers import InverseConv, StridedConv, SubmanifoldConv
from hcfres.model.sparse.plain import PLAIN
from hcfres.model.sparse.sites import SparseTensor

from .clouds import at, dense, sites

SHAPES = [(4, 4, 4), (5, 7, 4), (3, 1, 6)]
DENSITIES = [0.05, 0.4, 1.0]


def _layer(kind):
    torch.manual_seed(0)
    return kind(3, 2).double()


def _given(shape, density, width=3):
    there = sites(PLAIN, shape, density)
    generator = torch.Generator().manual_seed(2)
    features = torch.randn(
        len(there.coordinates), width, generator=generator, dtype=torch.float64
    ).requires_grad_()
    return SparseTensor(features, there)


def _kernel(layer):
    return layer.weight.permute(0, 4, 1, 2, 3)


def _same(found, expected, *leaves):
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    ours = torch.autograd.grad(found.sin().sum(), leaves)
    theirs = torch.autograd.grad(expected.sin().sum(), leaves)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, atol=1e-12, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("density", DENSITIES)
def test_a_submanifold_convolution_is_the_dense_one_at_occupied_voxels(shape, density):
    layer, tensor = _layer(SubmanifoldConv), _given(shape, density)
    coordinates = tensor.sites.coordinates
    grid = dense(tensor.features, coordinates, shape, 2)
    expected = at(F.conv3d(grid, _kernel(layer), padding=1), coordinates)
    _same(layer(tensor).features, expected, tensor.features, layer.weight)


@pytest.mark.parametrize("shape", [(4, 4, 4), (5, 7, 4), (3, 3, 6)])
@pytest.mark.parametrize("density", DENSITIES)
def test_strided_and_inverse_convolutions_are_dense_ones(shape, density):
    """An odd size loses its last slab going down, and gets zeros there coming up."""
    down, up, tensor = _layer(StridedConv), _layer(InverseConv), _given(shape, density)
    coarse = down(tensor)
    grid = dense(tensor.features, tensor.sites.coordinates, shape, 2)
    expected = at(F.conv3d(grid, _kernel(down), stride=2), coarse.sites.coordinates)
    _same(coarse.features, expected, tensor.features, down.weight)

    width = torch.randn(2, 3, dtype=torch.float64)
    coarse = coarse.with_features((coarse.features @ width).detach().requires_grad_())
    risen = up(coarse)
    assert risen.sites is tensor.sites and risen.finer == ()
    small = tuple(size // 2 for size in shape)
    grid = dense(coarse.features, coarse.sites.coordinates, small, 2)
    spread = F.conv_transpose3d(grid, _kernel(up).transpose(0, 1), stride=2)
    spread = F.pad(spread, [extra for size in reversed(shape) for extra in (0, size % 2)])
    _same(risen.features, at(spread, tensor.sites.coordinates), coarse.features, up.weight)


@pytest.mark.parametrize("kind", [SubmanifoldConv, StridedConv])
def test_gradients_are_those_of_finite_differences(kind):
    layer, tensor = _layer(kind), _given((3, 2, 3), 0.5)

    def run(features, weight):
        return torch.func.functional_call(
            layer, {"weight": weight}, (tensor.with_features(features),)
        ).features

    assert torch.autograd.gradcheck(run, (tensor.features, layer.weight))


def test_only_the_gradient_that_is_asked_for_is_computed():
    layer, tensor = _layer(SubmanifoldConv), _given((3, 3, 3), 0.5)
    frozen = layer.weight.detach()
    found = PLAIN.submanifold(tensor.features, frozen, tensor.sites.neighbours)
    (gradient,) = torch.autograd.grad(found.sum(), tensor.features)
    assert gradient.shape == tensor.features.shape and frozen.grad is None


def test_no_voxel_at_all_gives_no_rows_and_a_gradient_of_zero():
    layer, tensor = _layer(SubmanifoldConv), _given((3, 3, 3), 0.5)
    none = type(tensor.sites)(tensor.sites.coordinates[:0], (3, 3, 3), 2, PLAIN)
    found = layer(SparseTensor(tensor.features[:0], none)).features
    assert found.shape == (0, 2)
    (gradient,) = torch.autograd.grad(found.sum(), layer.weight)
    assert not gradient.any()


def test_autocast_leaves_sums_in_the_weights_precision():
    layer, tensor = _layer(SubmanifoldConv).float(), _given((4, 4, 4), 0.5)
    tensor = tensor.with_features(tensor.features.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = layer(tensor).features
    assert found.dtype == torch.float32
    assert torch.equal(found, layer(tensor).features)
