"""A scanned scene and its posed frames, as values."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

NO_OBJECT = -1
"""The instance of a vertex that no annotated object owns."""


@dataclass(frozen=True)
class SceneObject:
    """An annotated object of a scan."""

    object_id: int
    label: str
    """ScanNet's raw category, lower case, with spaces."""
    nyu40: int
    """0 where the label table does not know the label."""


@dataclass(frozen=True)
class Scene:
    """A mesh or cloud in the scan's own frame: metres, +z up, not axis-aligned, not centred."""

    scene_id: str
    vertices: Float[np.ndarray, "vertices 3"]
    colours: UInt8[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    """Empty for a cloud."""
    instances: Int[np.ndarray, " vertices"]
    """Object id of each vertex, NO_OBJECT where none."""
    semantics: Int[np.ndarray, " vertices"]
    """nyu40 class of each vertex, 0 where unlabelled."""
    segments: Int[np.ndarray, " vertices"] | None
    """The shipped over-segmentation (segs.json), ids arbitrary; None where none was shipped."""
    objects: tuple[SceneObject, ...]


@dataclass(frozen=True)
class Frame:
    """One posed RGB-D image; the camera looks along +z, x right, y down."""

    index: int
    colour: UInt8[np.ndarray, "height width 3"]
    depth: Float[np.ndarray, "depth_height depth_width"]
    """Metres along the camera's z axis; 0 where the sensor saw nothing."""
    intrinsics: Float[np.ndarray, "3 3"]
    """K of the depth image, in its pixels. The colour image shows the same view at its own size."""
    camera_to_world: Float[np.ndarray, "4 4"]
    seen: Bool[np.ndarray, "height width"] | None = None
    """False at pixels of `colour` that the colour camera did not see, which are black; None: it saw
    the whole view."""
