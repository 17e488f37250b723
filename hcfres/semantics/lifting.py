"""From images to superpoints: Eq. 2, spherical query and averaging as one sparse matrix.

Bilinear upsampling, back-projection, the query and both means are linear in what is lifted, so
F_superpoint = A f with A (superpoints x frames . rows . columns) for CLIP's tokens and
A (superpoints x masks) for instance features; an image of features never exists. With B the
columns' weights in each pixel and H the pixels' hits,

    A = D_s^-1 P D_v^-1 sum_frames H^T B,

P the superpoint of each vertex, D_v the hits of each vertex over all frames, D_s the number of
seen vertices of each superpoint.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array

from hcfres.config.method import Legacy
from hcfres.config.setting import LiftingConfig
from hcfres.data.features import FrameMasks, LiftingOperator, SuperpointFeatures, Superpoints
from hcfres.data.scene import Frame
from hcfres.semantics.columns import ColumnWeights, mask_columns, token_columns
from hcfres.semantics.hits import PixelHits, frame_hits
from hcfres.semantics.sums import VertexSums

Overlap = Literal["smallest", "weighted"]


def dense_operator(
    frames: Iterable[Frame],
    vertices: Float[np.ndarray, "points 3"],
    superpoints: Superpoints,
    grid: tuple[int, int],
    config: LiftingConfig,
    *,
    legacy: tuple[Legacy, ...] = (),
) -> LiftingOperator:
    """A for CLIP's tokens: columns are (frame, row, column) in the order of the frames given.

    Args:
        frames: read once, one at a time.
        vertices: the scan's, in the frames' world.
        grid: rows and columns of tokens; the image covers them exactly (decision 8).
        legacy: `first_neighbours`, `dilute_unseen` (unseen vertices count as zeros).
    """
    tokens = _Tokens(superpoints, grid, legacy)
    for hits in frame_hits(frames, vertices, config, legacy):
        tokens.add(hits)
    return tokens.operator()


def instance_operator(
    frames: Iterable[Frame],
    vertices: Float[np.ndarray, "points 3"],
    superpoints: Superpoints,
    masks: FrameMasks,
    config: LiftingConfig,
    *,
    overlap: Overlap,
    legacy: tuple[Legacy, ...] = (),
) -> LiftingOperator:
    """A for instance features: columns are the masks; pixels under no mask contribute nothing.

    Args:
        frames: those of `masks`, in that order.
        overlap: a pixel under several masks belongs to the one of "smallest" area, or to all
            "weighted" by predicted IoU (decision 15).

    Raises:
        ValueError: the frames are not those of the masks.
    """
    instances = _Instances(superpoints, masks, overlap, legacy)
    for hits in frame_hits(frames, vertices, config, legacy):
        instances.add(hits)
    return instances.operator()


def apply(
    operator: LiftingOperator, features: Float[np.ndarray, "columns width"]
) -> SuperpointFeatures:
    """A f, in the precision of `features` (at least float32); zero where nothing was seen.

    Raises:
        ValueError: the features are not as many as the operator's columns.
    """
    rows, columns = (int(side) for side in operator.shape)
    if len(features) != columns:
        raise ValueError(f"the operator lifts {columns} features, {len(features)} were given")
    precision = np.result_type(features.dtype, np.float32)
    matrix = csr_array(
        (operator.weights.astype(precision), operator.columns, operator.row_starts),
        shape=(rows, columns),
    )
    lifted = matrix @ features.astype(precision, copy=False)
    return SuperpointFeatures(lifted, np.diff(operator.row_starts) > 0)


class _Tokens:
    """Sums over frames whose columns are a grid of tokens."""

    def __init__(
        self, superpoints: Superpoints, grid: tuple[int, int], legacy: tuple[Legacy, ...]
    ) -> None:
        self._grid = grid
        self._sums = VertexSums(superpoints, "dilute_unseen" in legacy)
        self._columns: dict[tuple[int, int], ColumnWeights] = {}
        self._frames = 0

    def add(self, hits: PixelHits) -> None:
        if hits.size not in self._columns:
            self._columns[hits.size] = token_columns(hits.size, self._grid)
        tokens = self._grid[0] * self._grid[1]
        self._sums.add(hits, self._columns[hits.size], self._frames * tokens)
        self._frames += 1

    def operator(self) -> LiftingOperator:
        return self._sums.operator(self._frames * self._grid[0] * self._grid[1])


class _Instances:
    """Sums over frames whose columns are the masks."""

    def __init__(
        self,
        superpoints: Superpoints,
        masks: FrameMasks,
        overlap: Overlap,
        legacy: tuple[Legacy, ...],
    ) -> None:
        self._masks = masks
        self._overlap = overlap
        self._sums = VertexSums(superpoints, "dilute_unseen" in legacy)
        self._frames = 0

    def add(self, hits: PixelHits) -> None:
        known = self._masks.frames
        if self._frames >= len(known) or known[self._frames] != hits.frame:
            raise ValueError(
                f"frame {hits.frame} is number {self._frames} of those lifted, but the masks "
                f"were made of frames {known.tolist()}"
            )
        first, columns = mask_columns(hits.size, self._masks, self._frames, self._overlap)
        self._sums.add(hits, columns, first)
        self._frames += 1

    def operator(self) -> LiftingOperator:
        if self._frames != len(self._masks.frames):
            raise ValueError(
                f"{self._frames} frames were lifted, but the masks were made of "
                f"{len(self._masks.frames)}"
            )
        return self._sums.operator(len(self._masks.frame_of_mask))
