"""Sites of the scenes seen lately, each with its pairs: one that stays is looked up once.

As far as they fit: of more scenes than that, visited in turn, each is looked up every time. Pairs
are 2 to 14 % of a pass, and all rooms of the embedded setting fit several times over.
"""

from jaxtyping import Int
from torch import Tensor

from hcfres.model.sparse.sites import Sites

MOST_VOXELS = 1_000_000
"""Of all scenes that are kept; a voxel's pairs take 130 bytes in plain torch, 550 in spconv."""


class KnownSites:
    """A memory of scenes; the one that was asked for longest ago is forgotten first."""

    def __init__(self, most_voxels: int = MOST_VOXELS) -> None:
        self.most_voxels = most_voxels
        self._scenes: list[Sites] = []

    def __len__(self) -> int:
        return len(self._scenes)

    def forget(self) -> None:
        """Know nothing any more."""
        self._scenes.clear()

    def of(self, sites: Sites, step: int) -> Sites:
        """The same sites, made of those of its scenes, as far as these are known; now they are.

        Args:
            sites: voxels in order of their scenes.
            step: voxels of the finest resolution along a voxel of the coarsest.
        """
        if sites.scenes == 1:
            return self._known(_alone(sites, sites.coordinates, step))
        counts = sites.coordinates[:, 0].bincount(minlength=sites.scenes).tolist()
        alone = (_alone(sites, part, step) for part in sites.coordinates.split(counts))
        return sites.made_of(tuple(self._known(part) for part in alone))

    def _known(self, sites: Sites) -> Sites:
        equal = (i for i, known in enumerate(self._scenes) if known.equals(sites))
        found = next(equal, None)
        known = sites if found is None else self._scenes.pop(found)
        self._scenes.append(known)
        while len(self._scenes) > 1 and self._voxels() > self.most_voxels:
            self._scenes.pop(0)
        return known

    def _voxels(self) -> int:
        return sum(len(scene.coordinates) for scene in self._scenes)


def _alone(sites: Sites, coordinates: Int[Tensor, "voxels 4"], step: int) -> Sites:
    """One scene's sites, in a grid of its own unless a slab of the common one is dropped.

    What others stand in a batch then makes no difference to it.
    """
    own = coordinates.clone()
    own[:, 0] = 0
    shape = sites.shape
    if len(own) and not any(size % step for size in shape):
        extents = own[:, 1:].amax(0).tolist()
        shape = tuple((extent // step + 1) * step for extent in extents)
    return Sites(own, shape, 1, sites.backend)
