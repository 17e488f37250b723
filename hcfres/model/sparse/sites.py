"""Where voxels are: the sites of a sparse convolution, and which of them meet under its kernel.

What meets is looked up once for each resolution and kept as long as the sites are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

Weight = Float[Tensor, "channels_out side side side channels_in"]


@runtime_checkable
class Backend(Protocol):
    """The arithmetic of sparse convolutions. Pairs are of a backend's own type."""

    @property
    def name(self) -> str:
        """The library, and its version."""

    def neighbours(self, sites: "Sites") -> Any:
        """Pairs of a 3x3x3 submanifold convolution: each site and the occupied ones around it."""

    def halve(self, sites: "Sites") -> tuple[Int[Tensor, "coarse 4"], Any]:
        """Sites of half the resolution, and the pairs of each with the sites it is made of."""

    def submanifold(
        self, features: Float[Tensor, "voxels channels_in"], weight: Weight, pairs: Any
    ) -> Float[Tensor, "voxels channels_out"]:
        """Each site's sum over its neighbours; the sites stay."""

    def strided(
        self, features: Float[Tensor, "voxels channels_in"], weight: Weight, pairs: Any
    ) -> Float[Tensor, "coarse channels_out"]:
        """Each coarse site's sum over the sites it is made of."""

    def inverse(
        self, features: Float[Tensor, "coarse channels_in"], weight: Weight, pairs: Any
    ) -> Float[Tensor, "voxels channels_out"]:
        """What each site hears from its coarse site; 0 for a site that has none."""

    def join(self, parts: Sequence[Any]) -> Any:
        """Pairs of scenes that stand one after the other, of each scene's own."""


@dataclass(frozen=True, eq=False)
class Sites:
    """The occupied voxels of a few scenes at one resolution."""

    coordinates: Int[Tensor, "voxels 4"]
    """Scene, then the three voxel indices; no voxel twice."""
    shape: tuple[int, ...]
    """Size of the grid in voxels; every index is below it."""
    scenes: int
    backend: Backend
    inference: bool = field(default_factory=torch.is_inference_mode_enabled)
    """Made in torch's inference mode: the pairs then serve no gradient."""
    parts: tuple["Sites", ...] = ()
    """Sites of each scene, if the pairs are to be joined of theirs instead of looked up."""

    @cached_property
    def neighbours(self) -> Any:
        """Pairs of a 3x3x3 submanifold convolution."""
        if self.parts:
            return self.backend.join([part.neighbours for part in self.parts])
        return self.backend.neighbours(self)

    @cached_property
    def halved(self) -> "Halved":
        """The sites of half the resolution."""
        if self.parts:
            return self._joined([part.halved for part in self.parts])
        coordinates, pairs = self.backend.halve(self)
        return Halved(replace(self, coordinates=coordinates, shape=self.coarse_shape), pairs)

    def made_of(self, parts: tuple["Sites", ...]) -> "Sites":
        """The same sites, with pairs joined of those of its scenes."""
        return replace(self, parts=parts)

    def _joined(self, halved: Sequence["Halved"]) -> "Halved":
        parts = tuple(half.sites for half in halved)
        coordinates = torch.cat([part.coordinates for part in parts])
        counts = coordinates.new_tensor([len(part.coordinates) for part in parts]).long()
        scene = torch.arange(len(parts), device=counts.device).repeat_interleave(counts)
        coordinates[:, 0] = scene.to(coordinates.dtype)
        coarse = replace(self, coordinates=coordinates, shape=self.coarse_shape, parts=parts)
        return Halved(coarse, self.backend.join([half.pairs for half in halved]))

    @property
    def coarse_shape(self) -> tuple[int, ...]:
        """Size of the grid of half the resolution: of an odd size the last slab is dropped."""
        return tuple(max(size // 2, 1) for size in self.shape)

    def equals(self, other: "Sites") -> bool:
        """Whether what is known of `other` holds here too."""
        return (
            self.backend is other.backend
            and (self.shape, self.scenes, self.inference)
            == (other.shape, other.scenes, other.inference)
            and self.coordinates.device == other.coordinates.device
            and torch.equal(self.coordinates, other.coordinates)
        )


@dataclass(frozen=True, eq=False)
class Halved:
    """The next coarser sites."""

    sites: Sites
    pairs: Any
    """Of the strided 2x2x2 convolution, and of its inverse."""


@dataclass(frozen=True, eq=False)
class SparseTensor:
    """Features of sites."""

    features: Float[Tensor, "voxels channels"]
    sites: Sites
    finer: tuple[Sites, ...] = ()
    """The sites these were halved from, the finest first."""

    def with_features(self, features: Float[Tensor, "voxels other"]) -> "SparseTensor":
        """Other features of the same sites."""
        return replace(self, features=features)
