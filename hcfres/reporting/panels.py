"""One small picture of a room, in which a mask stands out and surfaces are closed."""

from dataclasses import replace

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from hcfres.data.scene import Scene
from hcfres.reporting.views import BACKGROUND

_FADED = 0.5
_PALE = 215
_GAP_PX = 3


def faded(scene: Scene) -> Scene:
    """The scene in paler colours, so that no object is as bright as a mask."""
    grey = 0.3 * scene.colours.mean(axis=1, keepdims=True) + 0.7 * _PALE
    mixed = (1 - _FADED) * scene.colours + _FADED * grey
    return replace(scene, colours=mixed.astype(np.uint8))


def without_gaps(image: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width 3"]:
    """The picture with the gaps between drawn points filled by the nearest of them."""
    empty = (image == BACKGROUND).all(axis=-1)
    if empty.all():
        return image
    around = np.pad(~empty, _GAP_PX)
    closed = ndimage.binary_closing(around, np.ones((3, 3)), iterations=_GAP_PX)
    gaps = closed[_GAP_PX:-_GAP_PX, _GAP_PX:-_GAP_PX] & empty
    nearest = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
    filled = image.copy()
    filled[gaps] = image[tuple(nearest[:, gaps])]
    return filled
