"""Instance features: soft masks (Eq. 3) and mask-weighted pooling of tokens (Eq. 4)."""

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from hcfres.config.method import SemanticsConfig
from hcfres.data.features import FrameMasks, FrameTokens, InstanceFeatures
from hcfres.semantics.columns import unpack

KERNEL_SIGMAS = 3
"""The Gaussian is cut off after so many sigmas (decision 14)."""
TINY = 1e-6
"""A mask whose weights sum to less takes its nearest token (decision 16)."""
_MASKS_AT_ONCE = 32


def pool_instances(
    masks: FrameMasks, tokens: FrameTokens, config: SemanticsConfig
) -> InstanceFeatures:
    """f_inst of every mask: the mean of the frame's tokens, weighted by the soft mask (Eq. 4).

    Blur, resizing and pooling are one linear map of the mask, and separable: the weights of a
    mask M are L M R^T with L (rows x height) and R (columns x width) common to all masks.

    Raises:
        ValueError: masks and tokens are not of the same frames.
    """
    if not np.array_equal(masks.frames, tokens.frames):
        raise ValueError(
            f"the masks are of frames {masks.frames.tolist()}, "
            f"the tokens of frames {tokens.frames.tolist()}"
        )
    _, rows, columns, width = tokens.tokens.shape
    size = (int(masks.size[0]), int(masks.size[1]))
    down, across = soft_resize(size, (rows, columns), config.blur_sigma_cells)
    features = np.zeros((len(masks.frame_of_mask), width), dtype=np.float32)
    for position in range(len(masks.frames)):
        first, end = np.searchsorted(masks.frame_of_mask, [position, position + 1])
        flat = tokens.tokens[position].reshape(rows * columns, width).astype(np.float32)
        for start in range(int(first), int(end), _MASKS_AT_ONCE):
            stop = min(start + _MASKS_AT_ONCE, int(end))
            weights = token_weights(unpack(masks, start, stop), down, across)
            features[start:stop] = weights.reshape(stop - start, -1) @ flat
    return InstanceFeatures(features)


def soft_resize(
    size: tuple[int, int], grid: tuple[int, int], sigma_cells: float
) -> tuple[Float32[np.ndarray, "rows height"], Float32[np.ndarray, "columns width"]]:
    """L and R of the soft resize of a mask to the token grid (Eq. 3 and the resize before Eq. 4).

    Sigma is in cells of the token grid, measured along the cell's shorter side; the blur is round
    in pixels. At the border the Gaussian is cut off and made to sum to one again, so that the
    outside of the image counts neither as object nor as background (decision 14).
    """
    sigma_px = sigma_cells * min(size[0] / grid[0], size[1] / grid[1])
    down = _bilinear(size[0], grid[0]) @ _blur(size[0], sigma_px)
    across = _bilinear(size[1], grid[1]) @ _blur(size[1], sigma_px)
    return down.astype(np.float32), across.astype(np.float32)


def token_weights(
    images: Bool[np.ndarray, "masks height width"],
    down: Float32[np.ndarray, "rows height"],
    across: Float32[np.ndarray, "columns width"],
) -> Float32[np.ndarray, "masks rows columns"]:
    """w_j of Eq. 4 divided by their sum; a mask between the tokens takes the nearest."""
    weights: np.ndarray = down @ (images.astype(np.float32) @ across.T)
    sums = weights.sum(axis=(1, 2), dtype=np.float64)
    for mask in np.flatnonzero(sums < TINY):
        weights[mask] = _nearest_token(images[mask], weights.shape[1:])
        sums[mask] = weights[mask].sum()
    weights /= np.maximum(sums, TINY)[:, None, None].astype(np.float32)
    return weights


def _nearest_token(
    image: Bool[np.ndarray, "height width"], grid: tuple[int, int]
) -> Float32[np.ndarray, "rows columns"]:
    """One at the token of the cell that the mask's centroid lies in; all zero for an empty mask."""
    weights = np.zeros(grid, dtype=np.float32)
    places = np.argwhere(image)
    if len(places):
        centre = (places.mean(axis=0) + 0.5) * np.array(grid) / np.array(image.shape)
        weights[int(centre[0]), int(centre[1])] = 1
    return weights


def _blur(pixels: int, sigma_px: float) -> Float64[np.ndarray, "pixels pixels"]:
    """G_sigma along one axis as a matrix, cut off after KERNEL_SIGMAS; rows sum to one."""
    reach = max(int(np.ceil(KERNEL_SIGMAS * sigma_px)), 1)
    offsets = np.arange(pixels) - np.arange(pixels)[:, None]
    bells = np.where(np.abs(offsets) <= reach, np.exp(-0.5 * (offsets / sigma_px) ** 2), 0.0)
    bells /= bells.sum(axis=1, keepdims=True)
    return bells


def _bilinear(pixels: int, tokens: int) -> Float[np.ndarray, "tokens pixels"]:
    """Sampling at the token centres between the two nearest pixel centres."""
    place = np.clip((np.arange(tokens) + 0.5) * pixels / tokens - 0.5, 0, pixels - 1)
    lower = np.minimum(place.astype(np.int64), max(pixels - 2, 0))
    matrix = np.zeros((tokens, pixels))
    rows = np.arange(tokens)
    matrix[rows, lower] += 1 - (place - lower)
    matrix[rows, np.minimum(lower + 1, pixels - 1)] += place - lower
    return matrix
