"""Which seeds serve which purpose, and which colours only validation shows.

A room's seed is the number of its space, so that a scene id names its seed and no space is in
two splits.
"""

import hashlib
from functools import cache
from typing import Literal, get_args

from hcfres.data.rooms.room import Colour

ROOMS_VERSION = 2
"""Raised whenever a seed gives another room, other files or other images."""

Split = Literal["train", "val", "pretrain", "examine"]

TRAIN = range(0, 700)
VAL = range(700, 1000)
PRETRAIN = range(1000, 9000)
EXAMINE = range(9000, 10000)
"""Rooms on which the encoders' quality is measured: neither pre-training nor a method sees them."""

RANGES: dict[Split, range] = {
    "train": TRAIN,
    "val": VAL,
    "pretrain": PRETRAIN,
    "examine": EXAMINE,
}

_HELD_OUT_COLOURS = 2
"""Of eleven, for each class."""


def split_of(seed: int) -> Split:
    """Name the purpose a seed serves; a seed of no range is a ValueError."""
    for split, seeds in RANGES.items():
        if seed in seeds:
            return split
    raise ValueError(
        f"seed {seed} belongs to no split: rooms have the seeds 0 to {EXAMINE.stop - 1}"
    )


def scene_id(seed: int, scan: int = 0) -> str:
    """Give the scan's name in ScanNet's form, e.g. `scene0042_00` for seed 42."""
    split_of(seed)
    return f"scene{seed:04d}_{scan:02d}"


@cache
def _novel_colours(label: str) -> frozenset[str]:
    """Choose the class's colours that are held out: those with the smallest hashes."""
    ranked = sorted(
        get_args(Colour),
        key=lambda colour: hashlib.sha256(f"{label}|{colour}".encode()).digest(),
    )
    return frozenset(ranked[:_HELD_OUT_COLOURS])


def held_out(label: str, colour: str) -> bool:
    """Tell whether only validation rooms may hold an object of this class and colour."""
    return colour in _novel_colours(label)
