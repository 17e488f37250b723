import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch.nn.functional import interpolate

from hcfres.config.method import SemanticsConfig
from hcfres.data.features import FrameMasks, FrameTokens
from hcfres.semantics.masks import pack
from hcfres.semantics.pooling import pool_instances, soft_resize, token_weights

QUARTER = SemanticsConfig(
    granularities=("pixel", "instance"),
    least_sharpness=0.0,
    grid="wide",
    layer=-1,
    instance_space="tokens",
    blur_sigma_cells=0.25,
    overlap="smallest",
)


def masks_of(*frames: list[np.ndarray], indices: list[int] | None = None) -> FrameMasks:
    """FrameMasks with the given binary images, one list a frame."""
    images = [image for frame in frames for image in frame]
    size = np.array(images[0].shape)
    count = len(images)
    return FrameMasks(
        frames=np.array(indices or range(len(frames)), dtype=np.int64),
        size=size,
        frame_of_mask=np.repeat(np.arange(len(frames)), [len(frame) for frame in frames]),
        bits=np.stack([pack(image) for image in images]),
        predicted_iou=np.ones(count, np.float32),
        stability=np.ones(count, np.float32),
    )


def random_tokens(frames: int, rows: int, columns: int, width: int = 5) -> FrameTokens:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(frames, rows, columns, width)).astype(np.float32)
    return FrameTokens(np.arange(frames), values)


def blob(height: int, width: int, seed: int) -> np.ndarray:
    return gaussian_filter(np.random.default_rng(seed).normal(size=(height, width)), 6) > 0


def readable_pooling(image: np.ndarray, tokens: np.ndarray, sigma_px: float) -> np.ndarray:
    """Eq. 3 as a convolution renormalised at the border, then resize, then Eq. 4."""

    def blur(values: np.ndarray) -> np.ndarray:
        reach = int(np.ceil(3 * sigma_px))
        return gaussian_filter(values, sigma_px, mode="constant", radius=reach)

    blurred = torch.tensor(blur(image.astype(float)) / blur(np.ones(image.shape)))[None, None]
    soft = interpolate(blurred, tokens.shape[:2], mode="bilinear")[0, 0].numpy()
    return (soft[..., None] * tokens).sum(axis=(0, 1)) / soft.sum()


def test_blur_of_a_single_pixel_follows_equation_3():
    """Eq. 3 by hand: sigma 1 px, cut off after 3, weights exp(-x^2 / 2) over their sum 2.506."""
    down, _ = soft_resize((9, 9), (9, 9), sigma_cells=1.0)
    bell = np.exp([-4.5, -2.0, -0.5, 0.0, -0.5, -2.0, -4.5])
    assert bell.sum() == pytest.approx(2.506, abs=1e-4)
    assert down[4, 1:8] == pytest.approx(bell / bell.sum())
    assert down[4, [0, 8]].tolist() == [0, 0]
    # At the border only the half inside counts: exp(0), exp(-0.5), exp(-2), exp(-4.5).
    assert down[0, :4] == pytest.approx(bell[3:] / bell[3:].sum())


def test_weighted_mean_follows_equation_4():
    """Eq. 4 by hand: weights 3/4 and 1/4 of tokens 8 and 4 make 7."""
    image = np.ones((2, 2), bool)
    weights = token_weights(image[None], np.array([[0.5, 0.5]], np.float32), np.float32(0.5) * (
        np.array([[1, 2], [1, 0]], np.float32)
    ))  # fmt: skip
    assert weights[0, 0].tolist() == [0.75, 0.25]
    assert weights[0, 0] @ np.array([8, 4]) == 7


@pytest.mark.parametrize("size", [(24, 32), (30, 41)])
def test_a_mask_of_the_whole_image_is_the_mean_of_the_tokens(size: tuple[int, int]):
    tokens = random_tokens(1, 3, 4)
    pooled = pool_instances(masks_of([np.ones(size, bool)]), tokens, QUARTER)
    assert pooled.features[0] == pytest.approx(tokens.tokens.mean(axis=(0, 1, 2)), abs=1e-6)


@pytest.mark.parametrize("grid", [(3, 4), (6, 6), (1, 1), (12, 16)])
@pytest.mark.parametrize("sigma", [0.25, 0.6])
def test_the_one_map_equals_blur_then_resize_then_mean(grid: tuple[int, int], sigma: float):
    config = QUARTER.model_copy(update={"blur_sigma_cells": sigma})
    images = [[blob(48, 64, seed) for seed in range(40)], [blob(48, 64, 41)]]
    tokens = random_tokens(2, *grid)
    sigma_px = sigma * min(48 / grid[0], 64 / grid[1])
    expected = [
        readable_pooling(image, tokens.tokens[frame].astype(float), sigma_px)
        for frame, of_frame in enumerate(images)
        for image in of_frame
    ]
    pooled = pool_instances(masks_of(*images), tokens, config)
    assert np.abs(pooled.features - np.array(expected)).max() < 1e-6


def test_a_mask_that_falls_between_the_tokens_takes_the_nearest():
    image = np.zeros((40, 40), bool)
    image[19, 21] = True  # beyond three narrow sigmas of every token's centre
    tokens = random_tokens(1, 2, 2)
    narrow = QUARTER.model_copy(update={"blur_sigma_cells": 0.05})
    pooled = pool_instances(masks_of([image]), tokens, narrow)
    assert pooled.features[0].tolist() == tokens.tokens[0, 0, 1].tolist()


def test_a_frame_may_have_no_masks():
    masks = masks_of([], [np.ones((8, 8), bool)], [])
    tokens = random_tokens(3, 2, 2)
    pooled = pool_instances(masks, tokens, QUARTER)
    assert pooled.features[0] == pytest.approx(tokens.tokens[1].mean(axis=(0, 1)), abs=1e-6)


def test_no_masks_at_all_give_no_features():
    empty = masks_of([np.ones((8, 8), bool)])
    none = FrameMasks(
        empty.frames, empty.size, empty.frame_of_mask[:0], empty.bits[:0],
        empty.predicted_iou[:0], empty.stability[:0],
    )  # fmt: skip
    assert pool_instances(none, random_tokens(1, 2, 2), QUARTER).features.shape == (0, 5)


def test_tokens_of_other_frames_are_refused():
    masks = masks_of([np.ones((8, 8), bool)], indices=[10])
    with pytest.raises(ValueError, match=r"masks are of frames \[10\]"):
        pool_instances(masks, random_tokens(1, 2, 2), QUARTER)
