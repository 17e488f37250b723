"""B of the lifting: what each depth pixel shows, as weights of tokens or of masks."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from hcfres.data.features import FrameMasks


@dataclass(frozen=True)
class ColumnWeights:
    """A sparse matrix (pixels x columns) of one frame; rows sum to one or are empty."""

    starts: Int64[np.ndarray, " pixels_plus_one"]
    columns: Int32[np.ndarray, " entries"]
    weights: Float64[np.ndarray, " entries"]
    count: int
    """Columns of this frame."""


def token_columns(size: tuple[int, int], grid: tuple[int, int]) -> ColumnWeights:
    """Bilinear weights of a token grid that covers an image exactly.

    Pixel and token centres are at half-integers of their cells (`align_corners=False`), and
    pixels beyond the outermost token centres take the nearest ones' values.
    """
    tops, row_weights = _between(size[0], grid[0])
    lefts, column_weights = _between(size[1], grid[1])
    columns = tops[:, None, :, None] * grid[1] + lefts[None, :, None, :]
    weights = row_weights[:, None, :, None] * column_weights[None, :, None, :]
    pixels = size[0] * size[1]
    return ColumnWeights(
        np.arange(pixels + 1, dtype=np.int64) * 4,
        columns.reshape(-1).astype(np.int32),
        weights.reshape(-1),
        grid[0] * grid[1],
    )


def mask_columns(
    size: tuple[int, int],
    masks: FrameMasks,
    position: int,
    overlap: Literal["smallest", "weighted"],
) -> tuple[int, ColumnWeights]:
    """The masks of the frame at `position`, seen by a depth image of `size`; and the first's index.

    A depth pixel shows the masks that cover the pixel of the colour image under its centre.
    """
    first, end = np.searchsorted(masks.frame_of_mask, [position, position + 1])
    cover = unpack(masks, int(first), int(end))
    areas = cover.sum(axis=(1, 2))
    rows = (2 * np.arange(size[0]) + 1) * cover.shape[1] // (2 * size[0])
    columns = (2 * np.arange(size[1]) + 1) * cover.shape[2] // (2 * size[1])
    seen = cover[:, rows[:, None], columns].reshape(len(cover), size[0] * size[1])
    if overlap == "smallest":
        return int(first), _smallest(seen, areas)
    return int(first), _weighted(seen, masks.predicted_iou[first:end].astype(np.float64))


def unpack(masks: FrameMasks, first: int, end: int) -> Bool[np.ndarray, "masks height width"]:
    """The binary masks first..end-1 as images."""
    height, width = (int(side) for side in masks.size)
    flat = np.unpackbits(masks.bits[first:end], axis=1, count=height * width)
    return flat.astype(bool).reshape(end - first, height, width)


def _between(
    pixels: int, tokens: int
) -> tuple[Int64[np.ndarray, "pixels 2"], Float64[np.ndarray, "pixels 2"]]:
    """The two tokens that each pixel lies between, and their weights."""
    place = np.maximum((np.arange(pixels) + 0.5) * tokens / pixels - 0.5, 0)
    lower = np.minimum(place.astype(np.int64), tokens - 1)
    share = np.where(lower < tokens - 1, place - lower, 0.0)
    upper = np.minimum(lower + 1, tokens - 1)
    return np.stack([lower, upper], axis=1), np.stack([1 - share, share], axis=1)


def _smallest(
    seen: Bool[np.ndarray, "masks pixels"], areas: Int64[np.ndarray, " masks"]
) -> ColumnWeights:
    """Each pixel to its mask of smallest area; equal areas to the earlier mask."""
    owner = np.full(seen.shape[1], -1, dtype=np.int32)
    for mask in np.lexsort((np.arange(len(areas)), areas))[::-1]:
        owner[seen[mask]] = mask
    owned = owner >= 0
    starts = np.concatenate([[0], np.cumsum(owned)])
    return ColumnWeights(starts, owner[owned], np.ones(int(owned.sum())), len(seen))


def _weighted(
    seen: Bool[np.ndarray, "masks pixels"], scores: Float64[np.ndarray, " masks"]
) -> ColumnWeights:
    """Each pixel to all its masks, in proportion to their scores."""
    pixels, columns = np.nonzero(seen.T & (scores > 0))
    counts = np.bincount(pixels, minlength=seen.shape[1])
    totals = np.bincount(pixels, weights=scores[columns], minlength=seen.shape[1])
    starts = np.concatenate([[0], np.cumsum(counts)])
    weights = scores[columns] / totals[pixels]
    return ColumnWeights(starts, columns.astype(np.int32), weights, len(seen))
