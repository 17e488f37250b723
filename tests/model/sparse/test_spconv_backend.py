"""spconv against plain torch: each operation and the whole U-Net, forward and backward."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.model.backbone import SparseUNet, VoxelGrid, voxelise
from hcfres.model.sparse.plain import PLAIN
from hcfres.model.sparse.sites import Sites

from .clouds import places, sites, sorted_rows

spconv_backend = pytest.importorskip(
    "hcfres.model.sparse.spconv_backend", reason="spconv is not installed"
)
SPCONV = spconv_backend.SPCONV
SHAPES = [(8, 8, 8), (7, 5, 9)]
DENSITIES = [0.02, 0.2, 0.9]
CLOSE = {torch.float64: 1e-11, torch.float32: 1e-4}


def _random(*shape, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()


def _operations(backend, shape, density, dtype, scenes=3, seed=0):
    """Outputs of the three operations in a row, rows sorted, and all gradients."""
    there = sites(backend, shape, density, scenes, seed)
    features = _random(len(there.coordinates), 4, dtype=dtype, seed=1)
    same, down, up = (
        _random(6, 3, 3, 3, 4, dtype=dtype, seed=2),
        _random(5, 2, 2, 2, 6, dtype=dtype, seed=3),
        _random(4, 2, 2, 2, 5, dtype=dtype, seed=4),
    )
    first = backend.submanifold(features, same, there.neighbours)
    second = backend.strided(first, down, there.halved.pairs)
    third = backend.inverse(second, up, there.halved.pairs)
    gradients = torch.autograd.grad(third.sin().sum(), (features, same, down, up))
    coarse = there.halved.sites.coordinates
    order = sorted_rows(coarse)
    return coarse[order], first, second[order], third, *gradients


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_both_backends_give_the_same_features_and_gradients(shape, density, dtype):
    ours = _operations(PLAIN, shape, density, dtype)
    theirs = _operations(SPCONV, shape, density, dtype)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, atol=CLOSE[dtype], rtol=CLOSE[dtype])


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    density=st.floats(0, 1),
    scenes=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_both_backends_agree_on_any_grid(shape, density, scenes, seed):
    ours = _operations(PLAIN, shape, density, torch.float64, scenes, seed)
    theirs = _operations(SPCONV, shape, density, torch.float64, scenes, seed)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, atol=1e-10, rtol=1e-10)


def _grid(shape, density, dtype=torch.float64):
    coordinates = places(shape, density, scenes=2)
    features = _random(len(coordinates), 6, dtype=dtype, seed=5)
    return VoxelGrid(coordinates, features, torch.arange(len(coordinates)), 2)


def _run(network, grid, shape, backend):
    network.zero_grad()
    found = network.voxel_features(grid, shape, backend)
    found.sin().sum().backward()
    gradients = {name: weight.grad.clone() for name, weight in network.named_parameters()}
    statistics = {name: buffer.clone() for name, buffer in network.named_buffers()}
    return {"out": found.detach()} | gradients | statistics


@pytest.mark.parametrize("shape", [(16, 12, 8), (13, 9, 7)])
@pytest.mark.parametrize("density", [0.05, 0.6])
def test_the_whole_network_is_the_same_in_training_on_even_and_on_odd_grids(shape, density):
    torch.manual_seed(0)
    network = SparseUNet(6, 4, 3).double().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    grid = _grid(shape, density)
    ours = _run(network, grid, shape, PLAIN)
    network.load_state_dict(before)
    theirs = _run(network, grid, shape, SPCONV)
    assert ours.keys() == theirs.keys() and len(ours) > 50
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], atol=1e-9, rtol=1e-9, msg=name)


def test_the_whole_network_is_the_same_in_single_precision():
    torch.manual_seed(0)
    network, shape = SparseUNet(6, 4, 3).eval(), (16, 12, 8)
    grid = _grid(shape, 0.3, torch.float32)
    ours, theirs = (network.voxel_features(grid, shape, one) for one in (PLAIN, SPCONV))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("backend", [PLAIN, SPCONV], ids=["plain", "spconv"])
def test_a_rounded_grid_is_right_and_the_dropped_slab_is_named(backend):
    """131 voxels along x: legacy keeps 131, whose last slab has no parent; ours takes 132."""
    coordinates = torch.tensor([[x, y, 0] for x in range(120, 131) for y in range(2)])
    features = _random(len(coordinates), 6, dtype=torch.float64, seed=6)
    grid = voxelise(coordinates, features, torch.zeros(len(coordinates), dtype=torch.long), 1)
    torch.manual_seed(0)
    network = SparseUNet(6, 4, 3).double().eval()
    right = network.spatial_shape(grid)
    network.drop_slab = True
    legacy = network.spatial_shape(grid)
    assert (right, legacy) == ((132, 4, 4), (131, 128, 128))
    kept = network.voxel_features(grid, right, backend)
    dropped = network.voxel_features(grid, legacy, backend)
    last = grid.coordinates[:, 1] == 130
    assert (kept - dropped)[last].abs().amax() > 1e-3
    wide = network.voxel_features(grid, (160, 8, 8), backend)
    torch.testing.assert_close(wide, kept)  # room to spare changes nothing
    for shape, ours in ((right, kept), (legacy, dropped)):
        torch.testing.assert_close(ours, network.voxel_features(grid, shape, PLAIN))


@pytest.mark.parametrize("backend", [PLAIN, SPCONV], ids=["plain", "spconv"])
def test_when_all_voxels_lie_in_the_dropped_slab_nothing_is_heard_from_below(backend):
    there = Sites(
        torch.tensor([[0, 2, 0, 0], [0, 2, 1, 0]], dtype=torch.int32), (3, 2, 2), 1, backend
    )
    assert there.halved.sites.coordinates.shape == (0, 4)
    torch.manual_seed(0)
    network = SparseUNet(6, 4, 2).double().eval()
    grid = VoxelGrid(there.coordinates, torch.ones(2, 6, dtype=torch.float64), torch.arange(2), 1)
    assert network.voxel_features(grid, (3, 2, 2), backend).isfinite().all()


@pytest.mark.parametrize("backend", [PLAIN, SPCONV], ids=["plain", "spconv"])
def test_a_size_of_one_keeps_its_only_slab(backend):
    there = Sites(torch.tensor([[0, 0, 0, 1]], dtype=torch.int32), (1, 1, 2), 1, backend)
    assert there.halved.sites.shape == (1, 1, 1)
    assert there.halved.sites.coordinates.tolist() == [[0, 0, 0, 0]]
