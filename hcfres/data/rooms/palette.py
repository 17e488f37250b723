"""The eleven colours and the parts that have a colour of their own."""

import numpy as np
from jaxtyping import Float

from hcfres.data.rooms.room import Colour, Pattern

COLOURS: dict[Colour, tuple[int, int, int]] = {
    "white": (236, 236, 230),
    "black": (32, 32, 35),
    "gray": (132, 134, 138),
    "red": (192, 34, 36),
    "green": (44, 138, 62),
    "blue": (38, 78, 178),
    "yellow": (234, 204, 48),
    "orange": (234, 122, 26),
    "brown": (112, 68, 38),
    "purple": (114, 54, 148),
    "pink": (238, 148, 178),
}
"""sRGB, 0..255, in full light."""

FIXED: dict[str, tuple[int, int, int]] = {
    "wood": (168, 128, 84),
    "metal": (96, 98, 102),
    "dark": (52, 50, 50),
    "screen": (40, 48, 66),
    "paper": (244, 242, 234),
    "sky": (178, 214, 240),
    "leaf": (58, 128, 52),
    "leaf_light": (98, 160, 66),
    "soil": (70, 50, 38),
    "clay": (176, 106, 74),
    "sheet": (240, 240, 240),
    "tape": (196, 168, 120),
    "brass": (200, 170, 90),
}
"""Materials of parts whose colour is not the object's."""

PATTERNS: tuple[Pattern, ...] = ("plain", "striped", "dotted", "checkered")

_LIGHTENED = ("black", "blue", "brown", "purple", "green")
_SECOND_SHARE: dict[Pattern, float] = {
    "plain": 0.0,
    "striped": 0.4,
    "dotted": 0.2827,
    "checkered": 0.5,
}


def base_colour(colour: Colour) -> Float[np.ndarray, "3"]:
    """Give the colour's reflectance, 0..1."""
    return np.array(COLOURS[colour], dtype=np.float64) / 255.0


def second_colour(colour: Colour) -> Float[np.ndarray, "3"]:
    """Give the tone of the stripes, dots or squares on an object of this colour, 0..1."""
    base = base_colour(colour)
    if colour in _LIGHTENED:
        return base + 0.62 * (1.0 - base)
    return base * 0.38


def second_share(pattern: Pattern) -> float:
    """Tell which share of a patterned surface has the second tone."""
    return _SECOND_SHARE[pattern]
