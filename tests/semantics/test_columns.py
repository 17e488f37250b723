"""What a depth pixel shows: a few tokens, or the masks over it (decision 15)."""

import numpy as np
import pytest

from hcfres.data.features import FrameMasks
from hcfres.semantics.columns import mask_columns, token_columns
from hcfres.semantics.masks import pack

LARGE = np.array([[1, 1, 1, 0]], bool)
SMALL = np.array([[0, 1, 0, 0]], bool)
MASKS = FrameMasks(
    frames=np.array([0]),
    size=np.array([1, 4]),
    frame_of_mask=np.array([0, 0]),
    bits=np.stack([pack(LARGE), pack(SMALL)]),
    predicted_iou=np.array([0.9, 0.3], np.float32),
    stability=np.ones(2, np.float32),
)
"""One row of four pixels: the large mask over three of them, the small one over the second."""


def _shown(overlap: str) -> list[dict[int, float]]:
    """For each pixel, the masks it shows and their weights."""
    first, found = mask_columns((1, 4), MASKS, 0, overlap)
    assert first == 0
    cuts = zip(found.starts[:-1], found.starts[1:], strict=True)
    return [dict(zip(found.columns[a:b], found.weights[a:b], strict=True)) for a, b in cuts]


def test_of_two_masks_over_a_pixel_the_smallest_is_shown() -> None:
    assert _shown("smallest") == [{0: 1.0}, {1: 1.0}, {0: 1.0}, {}]


def test_of_two_masks_over_a_pixel_both_may_be_shown_by_their_predicted_iou() -> None:
    """By hand: 0.9 and 0.3 of 1.2 are three quarters and a quarter."""
    first, both, last, none = _shown("weighted")
    assert (first, last, none) == ({0: 1.0}, {0: 1.0}, {})
    assert both == {0: pytest.approx(0.75), 1: pytest.approx(0.25)}


def test_a_pixel_shows_the_tokens_it_lies_between() -> None:
    """By hand: of four pixels over two tokens the second lies a quarter of the way to the right."""
    found = token_columns((1, 4), (1, 2))
    weights = np.zeros((4, 2))
    np.add.at(weights, (np.repeat(np.arange(4), 4), found.columns), found.weights)
    assert weights.tolist() == [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
