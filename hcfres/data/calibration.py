"""The two cameras of a scanner: K of each, and how one stands to the other."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hcfres.data.errors import DataError
from hcfres.data.frame_layouts import Entry, FrameLayout
from hcfres.data.poses import require_rigid

RESAMPLED_PX = 0.5
"""Depth pixels by which resampling alone may misplace a colour before it counts as unregistered."""
_NEAREST_M = 0.4
"""Scanners measure no depth nearer than this."""
_LONGEST_BASELINE_M = 1.0
_SAME_SHAPE = 0.05
"""How much the shapes (width by height) of a colour and a depth image of one view may differ."""
_SAME_CENTRE = 0.08
"""How much the principal points may differ, as shares of the images' width or height."""
_WIDER = 4.0
"""How many times wider one camera's view may be than the other's."""
_LONGEST_LENS = 100.0
"""Focal lengths beyond this many widths of the image, or below its inverse, are no camera's."""


@dataclass(frozen=True)
class Pinhole:
    """A camera without distortion and skew; the centre of the upper left pixel is (0, 0)."""

    intrinsics: Float[np.ndarray, "3 3"]
    size: tuple[int, int]
    """Height and width of its images."""

    def scaled(self, size: tuple[int, int]) -> "Pinhole":
        """Give the camera of the same view with another number of pixels."""
        down, along = size[0] / self.size[0], size[1] / self.size[1]
        matrix = np.array(self.intrinsics, dtype=np.float64)
        matrix[0] *= along
        matrix[1] *= down
        matrix[0, 2] += 0.5 * along - 0.5
        matrix[1, 2] += 0.5 * down - 0.5
        return Pinhole(matrix, size)


@dataclass(frozen=True)
class Rig:
    """A colour and a depth camera in one housing."""

    colour: Pinhole
    depth: Pinhole
    depth_to_colour: Float[np.ndarray, "4 4"]
    """Rigid, metres, OpenCV axes: the depth camera's coordinates to the colour camera's."""

    @property
    def parallel(self) -> bool:
        """Both cameras look from one place in one direction."""
        return bool(np.allclose(self.depth_to_colour, np.eye(4), atol=1e-5))

    @property
    def registered(self) -> bool:
        """Resampling the colour image puts every colour within RESAMPLED_PX of where it belongs."""
        away_m = float(np.linalg.norm(self.depth_to_colour[:3, 3]))
        parallax = float(self.depth.intrinsics[:2, :2].max()) * away_m / _NEAREST_M
        return self._misplaced_px() + parallax <= RESAMPLED_PX

    def _misplaced_px(self) -> float:
        """Depth pixels between a corner and where resampled colour shows it, at infinity."""
        height, width = self.depth.size
        corners = np.array([[u, v, 1.0] for u in (0, width - 1) for v in (0, height - 1)])
        colour = self.colour.scaled(self.depth.size).intrinsics
        rotation = self.depth_to_colour[:3, :3]
        seen = corners @ (colour @ rotation @ np.linalg.inv(self.depth.intrinsics)).T
        if (seen[:, 2] <= 0).any():
            return float("inf")
        return float(np.abs(seen[:, :2] / seen[:, 2:] - corners[:, :2]).max())


def read_rig(
    root: Path,
    layout: FrameLayout,
    colour_size: tuple[int, int],
    depth_size: tuple[int, int],
    way_out: str = "",
) -> Rig:
    """Read the cameras of a scan's frames, whose images have these sizes (height, width).

    Extrinsics that are not there are the identity. A K that is not there and need not be belongs
    to the same view as the other's. A colour K that is the depth K at another resolution than the
    images have tells that the images were resampled later; they show the depth image's view.

    Raises:
        DataError: K is missing, or cannot belong to images of these sizes; extrinsics are no
            rotation and translation of less than a metre; the two cameras cannot be of one scanner.
    """
    depth_matrix = layout.depth_intrinsics.matrix(root, way_out)
    colour_matrix = layout.colour_intrinsics.matrix(root, way_out)
    depth_place, colour_place = layout.depth_intrinsics, layout.colour_intrinsics
    if layout.needed == "colour" and depth_matrix is None:
        colour = _pinhole(root, colour_place, colour_matrix, colour_size, "colour", way_out)
        _require_same_shape(root, colour_size, depth_size, way_out)
        return Rig(colour, colour.scaled(depth_size), np.eye(4))
    depth = _pinhole(root, depth_place, depth_matrix, depth_size, "depth", way_out)
    between = _depth_to_colour(root, layout, way_out)
    if colour_matrix is not None:
        path = colour_place.path(root)
        colour = _colour_camera(path, colour_matrix[:3, :3], colour_size, depth, way_out)
        return Rig(colour, depth, between)
    if not np.allclose(between, np.eye(4), atol=1e-5):
        reason = "the colour camera stands apart from the depth camera, and its K is missing"
        raise DataError(colour_place.path(root), reason, way_out)
    _require_same_shape(root, colour_size, depth_size, way_out)
    return Rig(depth.scaled(colour_size), depth, between)


def require_intrinsics(
    path: Path | str,
    intrinsics: np.ndarray,
    shape: tuple[int, ...],
    what: str = "depth",
    way_out: str = "Give the intrinsics of the {} images, in their pixels",
) -> None:
    """Refuse a K that cannot belong to a `what` image of (height, width) `shape`."""
    (fx, _, mx), (_, fy, my) = intrinsics[:2]
    finite = bool(np.isfinite(intrinsics).all())
    if finite and fx > 0 and fy > 0 and 0 < mx < shape[1] and 0 < my < shape[0]:
        return
    reason = (
        f"fx {fx:g}, fy {fy:g}, mx {mx:g}, my {my:g} are not those of {shape[1]}x{shape[0]} {what}"
    )
    raise DataError(path, reason, way_out.format(what))


def _pinhole(
    root: Path,
    entry: Entry,
    matrix: np.ndarray | None,
    size: tuple[int, int],
    what: str,
    way_out: str,
) -> Pinhole:
    path = entry.path(root)
    if matrix is None:
        reason = f"there is no `{entry.key}`" if path.exists() else "there is no such file"
        raise DataError(path, reason, way_out)
    matrix = _without_skew(path, matrix[:3, :3], way_out)
    require_intrinsics(path, matrix, size, what)
    angles = np.diag(matrix)[:2] / (size[1], size[0])
    if not ((angles > 1 / _LONGEST_LENS) & (angles < _LONGEST_LENS)).all():
        raise DataError(path, f"no camera has such a K for {size[1]}x{size[0]} {what}", way_out)
    return Pinhole(matrix, size)


def _without_skew(path: Path, matrix: np.ndarray, way_out: str) -> np.ndarray:
    """K of its two focal lengths and its principal point: of a matrix, no more is read."""
    if not np.allclose(matrix[[0, 1], [1, 0]], 0, rtol=0, atol=1e-6):
        reason = f"K has skew {matrix[0, 1]:g} and {matrix[1, 0]:g}; it is fx 0 mx, 0 fy my, 0 0 1"
        raise DataError(path, reason, way_out)
    return np.array([matrix[0], matrix[1], (0, 0, 1)])


def _colour_camera(
    path: Path, matrix: np.ndarray, size: tuple[int, int], depth: Pinhole, way_out: str
) -> Pinhole:
    """The colour camera for the images as they are."""
    matrix = _without_skew(path, matrix, way_out)
    if _fits(matrix, size, depth):
        return Pinhole(matrix, size)
    if not _another_resolution(matrix, depth.intrinsics):
        (fx, _, mx), (_, fy, my) = matrix[:2]
        found = f"fx {fx:g}, fy {fy:g}, mx {mx:g}, my {my:g}"
        reason = f"{found} are not those of {size[1]}x{size[0]} colour beside this depth camera"
        raise DataError(path, reason, "Give the intrinsics of the colour images, in their pixels")
    _require_same_shape(path, size, depth.size, way_out)
    return depth.scaled(size)


def _fits(matrix: np.ndarray, size: tuple[int, int], depth: Pinhole) -> bool:
    """K can be that of images of `size` from a camera much like the depth camera."""
    if not np.isfinite(matrix).all():
        return False
    for axis in (0, 1):
        ours, theirs = size[1 - axis], depth.size[1 - axis]
        centre = (matrix[axis, 2] + 0.5) / ours - (depth.intrinsics[axis, 2] + 0.5) / theirs
        wider = matrix[axis, axis] / ours / (depth.intrinsics[axis, axis] / theirs)
        if not (abs(centre) <= _SAME_CENTRE and 1 / _WIDER <= wider <= _WIDER):
            return False
    return True


def _another_resolution(colour: np.ndarray, depth: np.ndarray) -> bool:
    """One K is the other's at another number of pixels."""
    if not np.isfinite(colour).all():
        return False
    focal = np.diag(colour)[:2] / np.diag(depth)[:2]
    centre = (colour[:2, 2] + 0.5) / (depth[:2, 2] + 0.5)
    return bool((focal > 0).all() and np.allclose(focal, centre, rtol=0.01))


def _depth_to_colour(root: Path, layout: FrameLayout, way_out: str) -> np.ndarray:
    """Both cameras' extrinsics lead into one frame, usually the colour camera's own."""
    into = []
    for entry in (layout.colour_extrinsics, layout.depth_extrinsics):
        matrix = entry.matrix(root, way_out) if entry else None
        if entry and matrix is not None:
            _require_extrinsics(entry, root, matrix, way_out)
        into.append(np.eye(4) if matrix is None else matrix)
    colour, depth = into
    both: np.ndarray = np.linalg.inv(colour) @ depth
    return both


def _require_extrinsics(entry: Entry, root: Path, matrix: np.ndarray, way_out: str) -> None:
    path = entry.path(root)
    if not np.isfinite(matrix).all():
        raise DataError(path, "the extrinsics are not finite", way_out, entry.key)
    require_rigid(path, matrix, way_out, entry.key)
    away_m = float(np.abs(matrix[:3, 3]).max())
    if away_m > _LONGEST_BASELINE_M:
        reason = f"the two cameras of a scanner are {away_m:g} m apart: are these millimetres?"
        raise DataError(path, reason, way_out, entry.key)


def _require_same_shape(
    source: Path, colour: tuple[int, int], depth: tuple[int, int], way_out: str
) -> None:
    if abs(colour[1] * depth[0] / (colour[0] * depth[1]) - 1) > _SAME_SHAPE:
        reason = (
            f"{colour[1]}x{colour[0]} colour cannot show the view of {depth[1]}x{depth[0]} depth, "
            "and its own K is not there"
        )
        raise DataError(source, reason, way_out)
