"""What the tiny CLIP reads: captions of furniture, and phrases for single properties."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from hcfres.data.rooms.catalogue import KINDS
from hcfres.data.rooms.palette import COLOURS, PATTERNS
from hcfres.data.rooms.room import Furniture
from hcfres.data.rooms.words import article, nouns
from hcfres.training.pretrain.views import View

CLASSES = (*sorted(KINDS), "wall", "floor")
COLOUR_NAMES = tuple(COLOURS)
PHRASES = {
    "class": tuple(f"{article(nouns(label)[0])} {nouns(label)[0]}" for label in CLASSES),
    "colour": tuple(f"a {colour} thing" for colour in COLOUR_NAMES),
    "pattern": tuple(f"a {pattern} thing" for pattern in PATTERNS),
}
"""For each property, the phrase of each of its values."""
UNTOLD = -1
"""The value of a property that the picture does not show or that no sentence would tell."""


def caption(item: Furniture) -> str:
    """Say pattern, colour, shape and class, as far as they are told: `a striped red chair`."""
    words: list[str] = [] if item.pattern == "plain" else [item.pattern]
    if KINDS[item.label].colour_told:
        words.append(item.colour)
    words += [item.shape] if item.shape else []
    words.append(nouns(item.label)[0])
    return f"{article(words[0])} {' '.join(words)}"


def properties(item: Furniture) -> tuple[int, int, int]:
    """Number class, colour and pattern in the order of PHRASES."""
    if not KINDS[item.label].colour_told:
        return CLASSES.index(item.label), UNTOLD, UNTOLD
    colour, pattern = COLOUR_NAMES.index(item.colour), PATTERNS.index(item.pattern)
    return CLASSES.index(item.label), colour, pattern


@dataclass(frozen=True)
class Region:
    """A visible object of a picture."""

    item: Furniture
    weights: Float[Tensor, "rows columns"]
    """Share of each token cell that the object covers, summing to one."""
    crop: UInt8[np.ndarray, "crop_height crop_width 3"]
    """Its bounding box and some of what is around."""


def regions(view: View, grid: tuple[int, int], pixels: int, exposed: float) -> list[Region]:
    """Cut out every object with at least that many pixels and that share unhidden."""
    found = []
    counts = np.bincount(view.instances.ravel(), minlength=len(view.room.furniture))
    for item in view.room.furniture:
        if counts[item.object_id] < pixels or view.exposed[item.object_id] < exposed:
            continue
        mask = view.instances == item.object_id
        share = F.adaptive_avg_pool2d(torch.from_numpy(mask)[None].float(), grid)[0]
        found.append(Region(item, share / share.sum(), crop(view.colour, mask)))
    return found


def crop(
    image: UInt8[np.ndarray, "height width 3"], mask: np.ndarray, margin: float = 0.1
) -> UInt8[np.ndarray, "crop_height crop_width 3"]:
    """Cut out a mask's bounding box, widened on every side by a share of its size."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    spread = int(margin * max(len(rows), len(columns))) + 2
    top, left = max(rows[0] - spread, 0), max(columns[0] - spread, 0)
    return image[top : rows[-1] + spread + 1, left : columns[-1] + spread + 1]


def token_values(view: View, grid: tuple[int, int]) -> Int[Tensor, "tokens 3"]:
    """Number class, colour and pattern of what each token's cell shows most of.

    UNTOLD where less than two thirds of the cell belong to one thing.
    """
    height, width = view.instances.shape
    rows, columns = height // grid[0], width // grid[1]
    cells = view.instances.reshape(grid[0], rows, grid[1], columns).swapaxes(1, 2)
    cells = np.sort(cells.reshape(grid[0] * grid[1], rows * columns), axis=1)
    middle = cells[:, cells.shape[1] // 2]
    pure = (cells == middle[:, None]).mean(axis=1) >= 2 / 3
    table = torch.tensor(_values_by_id(view), dtype=torch.long)
    values = table[torch.from_numpy(middle.astype(np.int64))]
    return torch.where(torch.from_numpy(pure)[:, None], values, UNTOLD)


def _values_by_id(view: View) -> Sequence[tuple[int, int, int]]:
    """List the properties of every object id: furniture, four walls, the floor, nothing."""
    wall = (CLASSES.index("wall"), UNTOLD, UNTOLD)
    floor = (CLASSES.index("floor"), UNTOLD, UNTOLD)
    nothing = (UNTOLD, UNTOLD, UNTOLD)
    return [*(properties(item) for item in view.room.furniture), *[wall] * 4, floor, nothing]
