"""The weights of Eq. 6 on a scan, to be looked at: what comes from the images, what from 3D."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Float, Float32, Int, UInt8

from hcfres.data.ply import Mesh, write_ply
from hcfres.evaluation.open_scene import OpenScene
from hcfres.pipeline.scene import PreparedScene

GEOMETRY, EVEN, IMAGE = (33, 102, 172), (240, 240, 240), (178, 24, 43)
"""Colours of w_2D = 0, 1/2 and 1."""


@dataclass(frozen=True)
class SceneGate:
    """w_2D and w_3D of every superpoint of a scan; one column, or one a channel of V_unified."""

    labels: Int[np.ndarray, " points"]
    """Superpoint of each vertex."""
    centroids: Float[np.ndarray, "superpoints 3"]
    """World, metres."""
    w2d: Float32[np.ndarray, "superpoints gate"]
    w3d: Float32[np.ndarray, "superpoints gate"]
    seen: Bool[np.ndarray, " superpoints"]
    """Whether a frame shows it; where none does, V_2d knows nothing of the place."""

    @property
    def shown(self) -> Float32[np.ndarray, " superpoints"]:
        """w_2D, the mean over the channels where there are several (decision 124)."""
        return self.w2d.mean(axis=1)

    def painted(self) -> UInt8[np.ndarray, "points 3"]:
        """A colour for each vertex: GEOMETRY by way of EVEN to IMAGE."""
        return gate_colours(self.shown)[self.labels]


def scene_gate(
    prepared: PreparedScene, weights: Float32[np.ndarray, "superpoints 2 gate"]
) -> SceneGate:
    """The weights of a scan's superpoints, with where they are.

    Args:
        weights: w_2D, then w_3D.
    """
    labels, count = prepared.superpoints.labels, len(weights)
    sizes = np.bincount(labels, minlength=count)
    sums = [np.bincount(labels, axis, count) for axis in prepared.scene.vertices.T]
    centroids = np.stack(sums, axis=1) / sizes[:, None]
    seen = np.zeros(count, bool) if prepared.dense is None else prepared.dense.seen
    return SceneGate(labels, centroids, weights[:, 0], weights[:, 1], seen)


def gate_colours(shares: Float[np.ndarray, " places"]) -> UInt8[np.ndarray, "places 3"]:
    """The colours of weights between 0 and 1."""
    stops = np.array([GEOMETRY, EVEN, IMAGE], dtype=np.float64).T
    mixed = [np.interp(shares, (0, 0.5, 1), channel) for channel in stops]
    return np.stack(mixed, axis=1).round().astype(np.uint8)


def write_gate(folder: Path, opened: OpenScene, gate: SceneGate) -> tuple[Path, Path]:
    """Write the scan coloured by w_2D, and a row for each superpoint.

    `gate.parquet` has the number of the superpoint, its centroid (x, y, z), w2d and w3d (means
    over the channels where there are several), and whether a frame shows it. Both files are in the
    frame of the scan's own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cloud, table = folder / "gate.ply", folder / "gate.parquet"
    scene = opened.scene
    write_ply(cloud, Mesh(opened.in_file(scene.vertices), gate.painted(), scene.faces))
    x, y, z = opened.in_file(gate.centroids).T
    columns = {
        "superpoint": np.arange(len(x)),
        "x": x,
        "y": y,
        "z": z,
        "w2d": gate.shown,
        "w3d": gate.w3d.mean(axis=1),
        "seen": gate.seen,
    }
    pq.write_table(pa.table(columns), table)
    return cloud, table
