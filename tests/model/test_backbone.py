import pytest
import torch
from torch.nn import functional as F

from hcfres.model.backbone import PointwiseConv, SparseUNet, backend_check, spconv, voxelise


def _cloud(points=200, extent=13, scenes=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    voxels = torch.randint(extent, (points, 3), generator=generator)
    features = torch.randn(points, 6, generator=generator, dtype=torch.float64)
    return voxels, features, torch.arange(points) * scenes // points


def _network(levels=3, **changes):
    torch.manual_seed(0)
    return SparseUNet(6, 4, levels, **changes).double().eval()


def test_a_voxel_is_the_mean_of_its_points_and_scenes_stay_apart():
    voxels = torch.tensor([[0, 0, 1], [0, 0, 1], [0, 0, 1]])
    grid = voxelise(voxels, torch.tensor([[1.0], [3.0], [7.0]]), torch.tensor([0, 0, 1]), 2)
    assert grid.coordinates.tolist() == [[0, 0, 0, 1], [1, 0, 0, 1]]
    assert grid.features.tolist() == [[2.0], [7.0]]
    assert grid.voxel_of_point.tolist() == [0, 0, 1]


def test_points_are_needed_and_voxels_start_at_zero():
    none = torch.zeros(0, 3, dtype=torch.long)
    with pytest.raises(ValueError, match="no points"):
        voxelise(none, torch.zeros(0, 6), none[:, 0], 1)
    with pytest.raises(ValueError, match="start at 0"):
        voxelise(torch.tensor([[0, -1, 0]]), torch.zeros(1, 6), torch.tensor([0]), 1)


@pytest.mark.parametrize(("levels", "expected"), [(1, 13), (2, 14), (3, 16), (4, 16)])
def test_the_grid_is_rounded_up_so_that_every_voxel_has_a_parent(levels, expected):
    voxels, features, scenes = _cloud()
    voxels[0] = 12
    grid = voxelise(voxels, features, scenes, 2)
    assert _network(levels).spatial_shape(grid) == (expected,) * 3
    assert _network(levels, drop_slab=True).spatial_shape(grid) == (128,) * 3


def test_a_dropped_slab_hears_nothing_from_the_coarser_levels():
    """With 5 voxels along an axis the fifth has no parent: only its neighbours matter to it."""
    line = torch.tensor([[0, 0, i] for i in range(5)])
    features = torch.randn(5, 6, dtype=torch.float64)
    grid = voxelise(line, features, torch.zeros(5, dtype=torch.long), 1)
    network = _network(levels=2)
    dropped = network.voxel_features(grid, (5, 5, 5))
    kept = network.voxel_features(grid, (6, 6, 6))
    assert not torch.allclose(dropped[4], kept[4])


def test_each_point_gets_its_voxels_features_whatever_the_points_order():
    voxels, features, scenes = _cloud()
    network = _network()
    order = torch.randperm(len(voxels))
    straight = network(voxels, features, scenes, 2)
    shuffled = network(voxels[order], features[order], scenes[order], 2)
    torch.testing.assert_close(shuffled, straight[order])
    assert straight.min() >= 0


def test_in_evaluation_scenes_do_not_influence_each_other():
    voxels, features, scenes = _cloud()
    network = _network()
    first = scenes == 0
    together = network(voxels, features, scenes, 2)[first]
    alone = network(voxels[first], features[first], scenes[first], 1)
    torch.testing.assert_close(alone, together)


def test_the_pointwise_weight_is_read_as_a_flat_matrix_not_as_its_shape_says():
    """Shape (1, 1, 1, 1, 2) for 2 -> 1 and (2, 1, 1, 1, 1) for 1 -> 2: flat memory (in, out)."""
    layer = PointwiseConv(2, 3)
    flat = torch.arange(6.0)
    with torch.no_grad():
        layer.weight.copy_(flat.reshape(3, 1, 1, 1, 2))
    places = torch.tensor([[0, 0, 0, 0]], dtype=torch.int32)
    tensor = spconv.SparseConvTensor(torch.tensor([[1.0, 10.0]]), places, [1, 1, 1], 1)
    expected = torch.tensor([[1.0, 10.0]]) @ flat.reshape(2, 3)
    assert layer(tensor).features.tolist() == expected.tolist() == [[30.0, 41.0, 52.0]]
    library = spconv.SubMConv3d(2, 3, 1, bias=False)
    with torch.no_grad():
        library.weight.copy_(layer.weight)
    assert library(tensor).features.tolist() == expected.tolist()


def test_down_and_up_convolutions_equal_dense_ones():
    network = _network(levels=2)
    block = network.unet
    occupied = (torch.rand(4, 4, 4, generator=torch.Generator().manual_seed(1)) < 0.5).nonzero()
    places = F.pad(occupied, (1, 0)).int()
    values = torch.randn(len(occupied), 4, dtype=torch.float64)
    tensor = spconv.SparseConvTensor(values, places, [4, 4, 4], 1)
    down = block.conv[2](tensor)
    grid = torch.zeros(4, 4, 4, 4, dtype=torch.float64).index_put(tuple(occupied.T), values)
    weight = block.conv[2].weight.permute(0, 4, 1, 2, 3)
    dense = F.conv3d(grid.permute(3, 0, 1, 2)[None], weight, stride=2)[0].permute(1, 2, 3, 0)
    at = tuple(down.indices[:, 1:].long().T)
    torch.testing.assert_close(down.features, dense[at])
    up = block.deconv[2](down)
    coarse = torch.zeros(2, 2, 2, 8, dtype=torch.float64).index_put(at, down.features)
    spread = block.deconv[2].weight.permute(4, 0, 1, 2, 3)
    risen = F.conv_transpose3d(coarse.permute(3, 0, 1, 2)[None], spread, stride=2)[0]
    torch.testing.assert_close(up.features, risen.permute(1, 2, 3, 0)[tuple(occupied.T)])


def test_the_library_agrees_with_plain_torch_here():
    name, worst = backend_check()
    assert name.startswith("spconv ")
    assert worst < 1e-4
