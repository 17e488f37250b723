"""How sharp an image is: the filter of the images that Fig. 1 mentions and nothing describes."""

import numpy as np
from jaxtyping import UInt8

_GREY = np.array([0.299, 0.587, 0.114])
"""What red, green and blue count for in a grey value (ITU-R BT.601)."""


def sharpness(image: UInt8[np.ndarray, "height width 3"]) -> float:
    """The variance of the Laplacian of the grey values, 0 to 255 (decision 121).

    An image of one colour has 0; one of less than three pixels' height or width has 0 too.
    """
    grey = image @ _GREY
    middle = grey[1:-1, 1:-1]
    if not middle.size:
        return 0.0
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * middle).var())
