"""Our U-Net computes what the public code's computes, also where its grid is too small."""

from collections.abc import Iterator

import torch
from torch import Tensor

from hcfres.model.backbone import SparseUNet, VoxelGrid, voxelise
from hcfres.model.sparse.plain import PLAIN
from hcfres.model.sparse.sites import Backend
from hcfres.model.superpoints import pool

from .case import EXACT, LIMIT, Case, Finding


def backends() -> list[Backend]:
    """Plain torch, and spconv where it can be imported."""
    try:
        from hcfres.model.sparse.spconv_backend import SPCONV  # noqa: PLC0415
    except ImportError:
        return [PLAIN]
    return [PLAIN, SPCONV]


def check_backbone(case: Case) -> Iterator[Finding]:
    """Voxels; features in evaluation, in training, and the statistics after a step."""
    grid = grid_of(case)
    theirs = case["voxel.coords"].long()
    order = _lexicographic(theirs)
    yield case.finding("voxels", [(grid.coordinates.long(), theirs[order])], EXACT)
    yield case.finding("voxel features", [(grid.features, case["voxel.feats"][order])], LIMIT)
    shape = tuple(case["in.spatial_shape"].tolist())
    for backend in backends():
        network = unet_of(case).eval()
        voxels = network.voxel_features(grid, shape, backend)
        pairs = [
            (voxels, case["out.voxel"][order]),
            (_pooled(case, grid, voxels), case["out.superpoint"]),
        ]
        yield case.finding(f"{backend.name}: voxels and superpoints", pairs, LIMIT)
        network.train()
        voxels = network.voxel_features(grid, shape, backend)
        pairs = [(_pooled(case, grid, voxels), case["out_train.superpoint"])]
        yield case.finding(f"{backend.name}: superpoints in training", pairs, LIMIT)
        yield case.finding(f"{backend.name}: statistics", _statistics(case, network), LIMIT)


def unet_of(case: Case) -> SparseUNet:
    """The U-Net with the file's weights."""
    config = case.about["config"]
    network = SparseUNet(config["input_channel"], config["media"], config["blocks"]).double()
    network.load_state_dict(case.parameters())
    return network


def grid_of(case: Case) -> VoxelGrid:
    """The voxels of the file's points."""
    points = case["in.point_coords"].long()
    return voxelise(
        points[:, 1:], case["in.point_feats"], points[:, 0], int(points[:, 0].max()) + 1
    )


def _pooled(case: Case, grid: VoxelGrid, voxels: Tensor) -> Tensor:
    superpoint = case["in.superpoint"].long()
    return pool(voxels[grid.voxel_of_point], superpoint, int(superpoint.max()) + 1)


def _statistics(case: Case, network: SparseUNet) -> Iterator[tuple[Tensor, Tensor]]:
    norms = dict(network.named_modules())
    deepest = "unet." + "u." * (network.levels - 1)
    places = {"stem": "output_layer.0", "deepest": f"{deepest}blocks.block0.conv_branch.0"}
    for stored, place in places.items():
        ours = torch.stack([norms[place].running_mean, norms[place].running_var])
        yield ours, case[f"out_train.{stored}_running"]


def _lexicographic(rows: Tensor) -> Tensor:
    return torch.unique(rows, dim=0, return_inverse=True)[1].argsort()
