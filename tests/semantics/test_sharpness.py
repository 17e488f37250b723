import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hcfres.semantics.sharpness import sharpness


def _grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values.astype(np.uint8)[..., None], 3, axis=2)


def test_sharpness_is_the_variance_of_the_laplacian():
    """By hand: a point of 4 in the second of two inner columns; Laplacians 4 and -16, mean -6."""
    image = np.zeros((3, 4))
    image[1, 2] = 4
    assert sharpness(_grey(image)) == pytest.approx(100.0)


def test_an_image_of_one_colour_has_none_and_blur_takes_some_away():
    assert sharpness(np.full((5, 6, 3), 90, np.uint8)) == pytest.approx(0)
    noise = np.random.default_rng(0).integers(0, 256, (40, 50)).astype(float)
    blurred = [sharpness(_grey(gaussian_filter(noise, sigma))) for sigma in (0.5, 1.0, 2.0)]
    assert sharpness(_grey(noise)) > blurred[0] > blurred[1] > blurred[2]


def test_an_image_without_an_inside_has_none():
    assert sharpness(np.zeros((2, 9, 3), np.uint8)) == 0
