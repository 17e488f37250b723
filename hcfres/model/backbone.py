"""The sparse U-Net that turns a point cloud into point features F_p (Sec. III-B, Fig. 3).

Parameters carry the names of the public U-Net that the ancestors share, so that its weights load
as they are.
"""

import logging
import math
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

with warnings.catch_warnings():  # spconv decorates with names that newer torch calls old
    warnings.simplefilter("ignore", FutureWarning)
    import spconv.pytorch as spconv
    from spconv import __version__ as spconv_version
    from spconv.core import ConvAlgo

# spconv asks torch at every start whether it is traced, by a name that newer torch warns about.
logging.getLogger("torch.fx._symbolic_trace").setLevel(logging.ERROR)

LEGACY_SMALLEST_SHAPE = 128
"""The ancestors' grid has at least this many voxels along each axis."""

_Norm: Callable[[int], nn.BatchNorm1d] = partial(nn.BatchNorm1d, eps=1e-4, momentum=0.1)


@dataclass(frozen=True)
class VoxelGrid:
    """The occupied voxels of a few scenes, in lexicographic order of scene and coordinates."""

    coordinates: Int[Tensor, "voxels 4"]
    """Scene, then the three voxel indices."""
    features: Float[Tensor, "voxels channels_in"]
    """Mean of the points in each voxel."""
    voxel_of_point: Int[Tensor, " points"]
    scenes: int


def voxelise(
    voxels: Int[Tensor, "points 3"],
    features: Float[Tensor, "points channels_in"],
    scene_of_point: Int[Tensor, " points"],
    scenes: int,
) -> VoxelGrid:
    """The occupied voxels and the mean feature of the points in each.

    Raises:
        ValueError: there is no point, or a voxel index is negative.
    """
    if not len(voxels):
        raise ValueError("the batch has no points; a scene needs at least one")
    if int(voxels.min()) < 0:
        raise ValueError("voxel indices must start at 0; shift each scene by its minimum first")
    x, y, z = (int(extent) + 1 for extent in voxels.amax(0))
    columns = voxels.long().unbind(1)
    key = ((scene_of_point.long() * x + columns[0]) * y + columns[1]) * z + columns[2]
    found, voxel_of_point = torch.unique(key, return_inverse=True)
    coordinates = torch.stack(
        [found // (x * y * z), found // (y * z) % x, found // z % y, found % z], dim=1
    )
    ones = features.new_ones(len(features))
    counts = features.new_zeros(len(found)).index_add_(0, voxel_of_point, ones)
    sums = features.new_zeros(len(found), features.shape[1])
    mean = sums.index_add(0, voxel_of_point, features) / counts[:, None]
    return VoxelGrid(coordinates.int(), mean, voxel_of_point, scenes)


class PointwiseConv(spconv.SparseModule):
    """A 1x1x1 convolution whose stored weight is read as the public code's library reads it.

    The weight has the shape (out, 1, 1, 1, in), but its flat memory is an (in, out) matrix, which
    is not the transpose of what the shape says. Published weights were trained that way.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels_out, 1, 1, 1, channels_in))
        bound = 1 / math.sqrt(channels_in)
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, tensor: spconv.SparseConvTensor) -> spconv.SparseConvTensor:
        """Every voxel's features times the matrix; the voxels stay."""
        channels_out, *_, channels_in = self.weight.shape
        matrix = self.weight.reshape(channels_in, channels_out)
        return tensor.replace_feature(tensor.features @ matrix)


def _normalised(channels: int, convolution: nn.Module) -> spconv.SparseSequential:
    return spconv.SparseSequential(_Norm(channels), nn.ReLU(), convolution)


def _same(channels_in: int, channels_out: int, level: int) -> nn.Module:
    return spconv.SubMConv3d(
        channels_in,
        channels_out,
        kernel_size=3,
        padding=1,
        bias=False,
        indice_key=f"same{level}",
        algo=ConvAlgo.Native,  # the one algorithm that also runs without a GPU
    )


class ResidualBlock(spconv.SparseModule):
    """Two pre-activated 3x3x3 convolutions and a shortcut."""

    def __init__(self, channels_in: int, channels_out: int, level: int) -> None:
        super().__init__()
        equal = channels_in == channels_out
        shortcut = nn.Identity() if equal else PointwiseConv(channels_in, channels_out)
        self.i_branch = spconv.SparseSequential(shortcut)
        self.conv_branch = spconv.SparseSequential(
            _Norm(channels_in),
            nn.ReLU(),
            _same(channels_in, channels_out, level),
            _Norm(channels_out),
            nn.ReLU(),
            _same(channels_out, channels_out, level),
        )

    def forward(self, tensor: spconv.SparseConvTensor) -> spconv.SparseConvTensor:
        """The sum of both branches."""
        branch = self.conv_branch(tensor)
        return branch.replace_feature(branch.features + self.i_branch(tensor).features)


class UBlock(spconv.SparseModule):
    """One level of the U-Net, and inside it the coarser ones."""

    def __init__(self, widths: tuple[int, ...], level: int = 0) -> None:
        super().__init__()
        width = widths[0]
        self.blocks = _two_blocks(width, width, level)
        if len(widths) == 1:
            return
        down = {"kernel_size": 2, "bias": False, "indice_key": f"down{level}"}
        self.conv = _normalised(
            width, spconv.SparseConv3d(width, widths[1], stride=2, algo=ConvAlgo.Native, **down)
        )
        self.u = UBlock(widths[1:], level + 1)
        self.deconv = _normalised(
            widths[1], spconv.SparseInverseConv3d(widths[1], width, algo=ConvAlgo.Native, **down)
        )
        self.blocks_tail = _two_blocks(2 * width, width, level)

    def forward(self, tensor: spconv.SparseConvTensor) -> spconv.SparseConvTensor:
        """The level's features after the coarser levels have been heard."""
        tensor = self.blocks(tensor)
        if not hasattr(self, "u"):
            return tensor
        risen = self.deconv(self.u(self.conv(tensor)))
        both = torch.cat([tensor.features, risen.features], dim=1)
        return self.blocks_tail(tensor.replace_feature(both))


def _two_blocks(channels_in: int, channels_out: int, level: int) -> spconv.SparseSequential:
    return spconv.SparseSequential(
        OrderedDict(
            block0=ResidualBlock(channels_in, channels_out, level),
            block1=ResidualBlock(channels_out, channels_out, level),
        )
    )


class SparseUNet(nn.Module):
    """Point features of width C from colours and coordinates.

    Args:
        channels_in: features of a point; six for colour and coordinates.
        channels: C; level l of the U-Net is (l + 1) C wide.
        levels: halvings of the resolution, plus one.
        drop_slab: keep the grid's size as the ancestors do. With an odd size the last slab of
            voxels then has no parent on the next level and hears nothing from it.
    """

    def __init__(
        self, channels_in: int, channels: int, levels: int, drop_slab: bool = False
    ) -> None:
        super().__init__()
        self.levels, self.drop_slab = levels, drop_slab
        first = spconv.SubMConv3d(
            channels_in,
            channels,
            kernel_size=3,
            padding=1,
            bias=False,
            indice_key="same0",
            algo=ConvAlgo.Native,
        )
        self.input_conv = spconv.SparseSequential(first)
        self.unet = UBlock(tuple(channels * (level + 1) for level in range(levels)))
        self.output_layer = spconv.SparseSequential(_Norm(channels), nn.ReLU())

    def forward(
        self,
        voxels: Int[Tensor, "points 3"],
        features: Float[Tensor, "points channels_in"],
        scene_of_point: Int[Tensor, " points"],
        scenes: int,
    ) -> Float[Tensor, "points channels"]:
        """F_p: each point gets the features of its voxel.

        Args:
            voxels: voxel of each point, each scene from 0.
        """
        grid = voxelise(voxels, features, scene_of_point, scenes)
        return self.voxel_features(grid, self.spatial_shape(grid))[grid.voxel_of_point]

    def spatial_shape(self, grid: VoxelGrid) -> tuple[int, ...]:
        """Size of the grid in voxels, rounded up so that every voxel has a parent on each level."""
        extents = [int(extent) + 1 for extent in grid.coordinates[:, 1:].amax(0)]
        if self.drop_slab:
            return tuple(max(extent, LEGACY_SMALLEST_SHAPE) for extent in extents)
        step = 2 ** (self.levels - 1)
        return tuple(-(-extent // step) * step for extent in extents)

    def voxel_features(
        self, grid: VoxelGrid, shape: tuple[int, ...]
    ) -> Float[Tensor, "voxels channels"]:
        """The output of the last normalisation on each voxel of `grid`."""
        tensor = spconv.SparseConvTensor(grid.features, grid.coordinates, list(shape), grid.scenes)
        return self.output_layer(self.unet(self.input_conv(tensor))).features


def backend_check(device: torch.device | str = "cpu") -> tuple[str, float]:
    """The sparse-convolution library in use, and how far it is from plain torch here.

    Returns:
        Its name and version, and the largest difference of a 3x3x3 convolution and of its
        gradients from dense torch, on a few voxels.
    """
    generator = torch.Generator().manual_seed(0)
    places = (torch.rand(8, 8, 8, generator=generator) < 0.3).nonzero()
    values = torch.randn(len(places), 4, generator=generator)
    layer: nn.Module = _same(4, 4, level=0)
    weight = next(layer.parameters()).detach().clone()
    layer = layer.to(device)

    def sparse(given: Tensor) -> Tensor:
        indices = nn.functional.pad(places, (1, 0)).int().to(device)
        return layer(spconv.SparseConvTensor(given, indices, [8, 8, 8], 1)).features

    def dense(given: Tensor) -> Tensor:
        grid = given.new_zeros(8, 8, 8, 4).index_put(tuple(places.T), given).permute(3, 0, 1, 2)
        found = nn.functional.conv3d(grid[None], weight.permute(0, 4, 1, 2, 3), padding=1)[0]
        return found.permute(1, 2, 3, 0)[tuple(places.T)]

    ours = _with_gradients(sparse, values.to(device), next(layer.parameters()))
    theirs = _with_gradients(dense, values, weight.requires_grad_())
    worst = max(float((a.cpu() - b).abs().max()) for a, b in zip(ours, theirs, strict=True))
    return f"spconv {spconv_version} (Native)", worst


def _with_gradients(
    function: Callable[[Tensor], Tensor], values: Tensor, weight: Tensor
) -> tuple[Tensor, ...]:
    given = values.detach().clone().requires_grad_()
    found = function(given)
    return found.detach(), *torch.autograd.grad(found.sin().sum(), (given, weight))
