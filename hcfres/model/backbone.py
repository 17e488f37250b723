"""The sparse U-Net that turns a point cloud into point features F_p (Sec. III-B, Fig. 3).

Parameters carry the names of the public U-Net that the ancestors share, so that its weights load
as they are.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from hcfres.model.sparse.choice import choose
from hcfres.model.sparse.known import KnownSites
from hcfres.model.sparse.layers import (
    InverseConv,
    PointwiseConv,
    SparseLayer,
    SparseSequential,
    StridedConv,
    SubmanifoldConv,
)
from hcfres.model.sparse.sites import Backend, Sites, SparseTensor

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


def _normalised(channels: int, convolution: SparseLayer) -> SparseSequential:
    return SparseSequential(_Norm(channels), nn.ReLU(), convolution)


class ResidualBlock(SparseLayer):
    """Two pre-activated 3x3x3 convolutions and a shortcut."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        equal = channels_in == channels_out
        shortcut = nn.Identity() if equal else PointwiseConv(channels_in, channels_out)
        self.i_branch = SparseSequential(shortcut)
        self.conv_branch = SparseSequential(
            _Norm(channels_in),
            nn.ReLU(),
            SubmanifoldConv(channels_in, channels_out),
            _Norm(channels_out),
            nn.ReLU(),
            SubmanifoldConv(channels_out, channels_out),
        )

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """The sum of both branches."""
        branch = self.conv_branch(tensor)
        return branch.with_features(branch.features + self.i_branch(tensor).features)


class UBlock(SparseLayer):
    """One level of the U-Net, and inside it the coarser ones."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        width = widths[0]
        self.blocks = _two_blocks(width, width)
        if len(widths) == 1:
            return
        self.conv = _normalised(width, StridedConv(width, widths[1]))
        self.u = UBlock(widths[1:])
        self.deconv = _normalised(widths[1], InverseConv(widths[1], width))
        self.blocks_tail = _two_blocks(2 * width, width)

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """The level's features after the coarser levels have been heard."""
        tensor = self.blocks(tensor)
        if not hasattr(self, "u"):
            return tensor
        risen = self.deconv(self.u(self.conv(tensor)))
        both = torch.cat([tensor.features, risen.features], dim=1)
        return self.blocks_tail(tensor.with_features(both))


def _two_blocks(channels_in: int, channels_out: int) -> SparseSequential:
    return SparseSequential(
        OrderedDict(
            block0=ResidualBlock(channels_in, channels_out),
            block1=ResidualBlock(channels_out, channels_out),
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
        self.input_conv = SparseSequential(SubmanifoldConv(channels_in, channels))
        self.unet = UBlock(tuple(channels * (level + 1) for level in range(levels)))
        self.output_layer = SparseSequential(_Norm(channels), nn.ReLU())
        self.known = KnownSites()

    def forward(
        self,
        voxels: Int[Tensor, "points 3"],
        features: Float[Tensor, "points channels_in"],
        scene_of_point: Int[Tensor, " points"],
        scenes: int,
        moved: bool = False,
    ) -> Float[Tensor, "points channels"]:
        """F_p: each point gets the features of its voxel.

        Args:
            voxels: voxel of each point, each scene from 0.
            moved: the scenes were augmented, and lie elsewhere another time.
        """
        grid = voxelise(voxels, features, scene_of_point, scenes)
        shape = self.spatial_shape(grid)
        return self.voxel_features(grid, shape, moved=moved)[grid.voxel_of_point]

    def spatial_shape(self, grid: VoxelGrid) -> tuple[int, ...]:
        """Size of the grid in voxels, rounded up so that every voxel has a parent on each level."""
        extents = [int(extent) + 1 for extent in grid.coordinates[:, 1:].amax(0)]
        if self.drop_slab:
            return tuple(max(extent, LEGACY_SMALLEST_SHAPE) for extent in extents)
        return tuple(-(-extent // self._step) * self._step for extent in extents)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "SparseUNet":
        """Move to another device or type, and leave nothing behind."""
        self.known.forget()
        moved: SparseUNet = super()._apply(fn, recurse)
        return moved

    @property
    def _step(self) -> int:
        """Voxels along a voxel of the coarsest level."""
        step: int = 2 ** (self.levels - 1)
        return step

    def voxel_features(
        self,
        grid: VoxelGrid,
        shape: tuple[int, ...],
        backend: Backend | None = None,
        moved: bool = False,
    ) -> Float[Tensor, "voxels channels"]:
        """The output of the last normalisation on each voxel of `grid`.

        Args:
            shape: size of the grid in voxels.
            backend: of the convolutions; left out, the one chosen for the device.
            moved: these scenes lie elsewhere another time: nothing is kept, not even what was.
        """
        backend = backend or choose(grid.features.device).backend
        sites = Sites(grid.coordinates, shape, grid.scenes, backend)
        if moved:
            self.known.forget()
        else:
            sites = self.known.of(sites, self._step)
        tensor = SparseTensor(grid.features, sites)
        return self.output_layer(self.unet(self.input_conv(tensor))).features
