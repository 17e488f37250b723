"""Superpoint features that MDIN's and IPDN's users have already computed, checked before use.

`<scene>_refer.pth` says how a scan was cut (vertices, colours, superpoint of each vertex, and the
annotation where there is one); `clip-feat/<scene>.pth` has one row of CLIP features for each of
those superpoints. The second means nothing without the first, and neither says what it was made
from: so both are held against each other and against the mesh on this disk.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int64

from hcfres.data.errors import DataError
from hcfres.data.features import SuperpointFeatures
from hcfres.data.prior.torch_file import read_torch_file
from hcfres.geometry.partitions import compare_partitions
from hcfres.geometry.superpoints import compact

SAME_PLACE_M = 1e-3
"""Two vertices are the same when they lie no farther apart along any axis, metres."""
_STALE = "These features belong to another cut of the scan; make them anew with `hcfres describe`"


@dataclass(frozen=True)
class PriorScene:
    """What features need of `<scene>_refer.pth`."""

    path: Path
    coordinates: Float64[np.ndarray, "points 3"]
    """Metres, about the mean of the scan."""
    superpoints: Int64[np.ndarray, " points"]
    """0..N_S-1, every number used; in the authors' order, which their features follow."""


@dataclass(frozen=True)
class PriorFeatures:
    """Features with the partition that they were made for, superpoints in our order."""

    labels: Int[np.ndarray, " points"]
    """0..N_S-1 in order of first vertex."""
    features: Float[np.ndarray, "superpoints width"]

    @property
    def partition(self) -> str:
        """Identify the partition, whatever its superpoints are numbered."""
        return partition_hash(self.labels)

    def on(self, labels: Int[np.ndarray, " points"], source: Path | str) -> SuperpointFeatures:
        """The features in the order of `labels`, a partition that must be the same one.

        A superpoint whose row is all zero was seen by no frame: IPDN leaves it so.

        Raises:
            DataError: `labels` is another partition; `source` is who is blamed.
        """
        require_same_partition(self.labels, labels, source)
        _, first = np.unique(labels, return_index=True)
        features = self.features[self.labels[first]]
        return SuperpointFeatures(features, features.any(axis=1))


def read_prior_scene(path: Path) -> PriorScene:
    """Read `<scene>_refer.pth`; colours and annotation in it are not used.

    Raises:
        DataError: missing or broken, or no such tuple of arrays of equal length.
    """
    arrays = read_torch_file(path)
    if len(arrays) not in (3, 5):
        reason = f"{len(arrays)} arrays; xyz, rgb, superpoint and, but for test scans, semantic "
        raise DataError(path, reason + "and instance labels are expected")
    coordinates, superpoints = arrays[0], arrays[2]
    count = len(coordinates) if coordinates.ndim == 2 else 0
    if coordinates.shape != (count, 3) or not count or coordinates.dtype.kind != "f":
        raise DataError(path, f"xyz is {_form(coordinates)}", "", "array 0")
    wrong = [f"array {i} is {_form(a)}" for i, a in enumerate(arrays) if a.shape[:1] != (count,)]
    if wrong or superpoints.shape != (count,) or superpoints.dtype.kind not in "iu":
        told = "; ".join(wrong) or f"superpoints are {_form(superpoints)}"
        raise DataError(path, f"{told}, for {count} vertices")
    if not np.isfinite(coordinates).all():
        raise DataError(path, "coordinates are not finite", "", "array 0")
    _require_all_used(path, superpoints)
    return PriorScene(path, coordinates.astype(np.float64), superpoints.astype(np.int64))


def read_prior_features(path: Path) -> Float32[np.ndarray, "superpoints width"]:
    """Read `clip-feat/<scene>.pth`: one row for each superpoint of its `_refer.pth`.

    Raises:
        DataError: missing or broken, or no table of finite numbers.
    """
    arrays = read_torch_file(path)
    if len(arrays) != 1 or arrays[0].ndim != 2 or arrays[0].dtype.kind != "f":
        told = ", ".join(_form(array) for array in arrays[:5])
        raise DataError(path, f"{told}; one table, superpoints x width, is expected")
    with np.errstate(over="ignore"):
        features = arrays[0].astype(np.float32)
    if not features.size or not np.isfinite(features).all():
        raise DataError(path, "the features are empty or not finite")
    return features


def pair(
    scene: PriorScene,
    features: Float32[np.ndarray, "rows width"],
    vertices: Float[np.ndarray, "points_here 3"],
    source: Path,
) -> PriorFeatures:
    """Join features to the partition they were made for, on the mesh that lies here.

    Args:
        scene: of the same scan.
        features: rows in the order of `scene.superpoints`.
        vertices: of the mesh here, metres; compared about the mean, as the authors centre theirs.
        source: the file of the features, for the error.

    Raises:
        DataError: another number of superpoints, of vertices, or vertices elsewhere.
    """
    superpoints = int(scene.superpoints.max()) + 1
    if len(features) != superpoints:
        reason = f"{len(features)} rows for the {superpoints} superpoints of {scene.path.name}"
        raise DataError(source, reason, _STALE)
    if len(vertices) != len(scene.coordinates):
        reason = f"{len(scene.coordinates)} vertices, the mesh here has {len(vertices)}"
        raise DataError(scene.path, reason, _STALE)
    apart = np.abs(_centred(vertices) - _centred(scene.coordinates)).max(axis=1)
    if apart.max() > SAME_PLACE_M:
        far = int(np.count_nonzero(apart > SAME_PLACE_M))
        reason = f"{far} of {len(apart)} vertices lie elsewhere than in the mesh here"
        place = f"vertex {np.argmax(apart > SAME_PLACE_M)}"
        raise DataError(scene.path, f"{reason}, up to {apart.max():.3g} m", _STALE, place)
    _, first = np.unique(scene.superpoints, return_index=True)
    labels = compact(scene.superpoints)
    rows = np.empty(superpoints, np.int64)
    rows[labels[first]] = np.arange(superpoints)
    return PriorFeatures(labels, features[rows])


def require_same_partition(
    theirs: Int[np.ndarray, " points_there"],
    ours: Int[np.ndarray, " points"],
    source: Path | str,
) -> None:
    """Refuse two partitions that differ in more than the numbers of their superpoints.

    Raises:
        DataError: they differ; the message says by how much.
    """
    if len(theirs) != len(ours):
        reason = f"made for {len(theirs)} vertices, the scan here has {len(ours)}"
        raise DataError(source, reason, _STALE)
    if np.array_equal(compact(theirs), compact(ours)):
        return
    found = compare_partitions(theirs, ours)
    raise DataError(
        source,
        f"made for another partition: {found.one.segments} superpoints, here "
        f"{found.other.segments}, {found.common} of them the same (adjusted Rand index "
        f"{found.adjusted_rand:.4f})",
        _STALE,
    )


def partition_hash(labels: Int[np.ndarray, " points"]) -> str:
    """Identify a partition by sha256, whatever its superpoints are numbered."""
    return hashlib.sha256(compact(labels).astype("<i8").tobytes()).hexdigest()


def _require_all_used(path: Path, superpoints: Int[np.ndarray, " points"]) -> None:
    used = np.unique(superpoints)
    if used[0] != 0 or used[-1] != len(used) - 1:
        reason = f"{len(used)} superpoints numbered {used[0]} to {used[-1]}, not 0 to N_S-1"
        raise DataError(path, f"{reason}: which row belongs to which is unknown", _STALE, "array 2")


def _centred(points: Float[np.ndarray, "points 3"]) -> Float64[np.ndarray, "points 3"]:
    wide = points.astype(np.float64)
    return wide - wide.mean(axis=0)


def _form(array: np.ndarray) -> str:
    return f"{'x'.join(map(str, array.shape)) or 'a single number'} of {array.dtype.name}"
