"""Our U-Net computes what the public code's computes, also where its grid is too small."""

import pytest
import torch

from hcfres.model.backbone import SparseUNet, voxelise
from hcfres.model.superpoints import pool

from .public import read


def _network(case):
    config = case.about["config"]
    network = SparseUNet(config["input_channel"], config["media"], config["blocks"]).double()
    weights = {
        name.removeprefix("param."): case[name]
        for name in case.tensors
        if name.startswith("param.")
    }
    network.load_state_dict(weights)
    return network


def _grid(case):
    points = case["in.point_coords"].long()
    scenes = int(points[:, 0].max()) + 1
    return voxelise(points[:, 1:], case["in.point_feats"], points[:, 0], scenes)


@pytest.mark.parametrize("name", ["backbone_a", "backbone_odd"])
def test_voxels_and_superpoints_are_the_public_codes(golden, name):
    case = read(golden, name)
    grid, shape = _grid(case), tuple(case["in.spatial_shape"].tolist())
    assert torch.equal(grid.coordinates, case["voxel.coords"])
    torch.testing.assert_close(grid.features, case["voxel.feats"], atol=1e-12, rtol=0)
    voxels = _network(case).eval().voxel_features(grid, shape)
    torch.testing.assert_close(voxels, case["out.voxel"], atol=1e-9, rtol=0)
    superpoint = case["in.superpoint"]
    pooled = pool(voxels[grid.voxel_of_point], superpoint, int(superpoint.max()) + 1)
    torch.testing.assert_close(pooled, case["out.superpoint"], atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", ["backbone_a", "backbone_odd"])
def test_a_training_step_moves_the_statistics_as_the_public_code_does(golden, name):
    case = read(golden, name)
    network = _network(case).train()
    grid, shape = _grid(case), tuple(case["in.spatial_shape"].tolist())
    voxels = network.voxel_features(grid, shape)
    superpoint = case["in.superpoint"]
    pooled = pool(voxels[grid.voxel_of_point], superpoint, int(superpoint.max()) + 1)
    torch.testing.assert_close(pooled, case["out_train.superpoint"], atol=1e-9, rtol=0)
    norms = dict(network.named_modules())
    places = {
        "out_train.stem_running": "output_layer.0",
        "out_train.deepest_running": "unet.u.u.u.u.blocks.block0.conv_branch.0",
    }
    for stored, place in places.items():
        ours = torch.stack([norms[place].running_mean, norms[place].running_var])
        torch.testing.assert_close(ours, case[stored], atol=1e-9, rtol=0)


def test_an_odd_grid_is_rounded_up_unless_the_slab_is_to_be_dropped(golden):
    case = read(golden, "backbone_odd")
    grid, network = _grid(case), _network(case).eval()
    assert network.spatial_shape(grid) == (32, 32, 32)
    right = network.voxel_features(grid, (32, 32, 32))
    assert (right - case["out.voxel"]).abs().max() > 1e-3
    network.drop_slab = True
    assert network.spatial_shape(grid) == (128, 128, 128)
