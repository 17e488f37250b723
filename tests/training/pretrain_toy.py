"""Small pictures and scans of things that are easy to tell apart."""

import numpy as np

from hcfres.data.rooms.room import Furniture, Room
from hcfres.training.pretrain.captions import CLASSES, COLOUR_NAMES
from hcfres.training.pretrain.scans import RoomScan
from hcfres.training.pretrain.views import RoomViews

COLOURS = {"red": (190, 30, 30), "blue": (30, 60, 180), "yellow": (230, 200, 50)}
LABELS = ("chair", "table", "box")


def furniture(number: int) -> Furniture:
    """A piece without a place."""
    colour = tuple(COLOURS)[number]
    return Furniture(
        object_id=number,
        label=LABELS[number],
        colour=colour,  # type: ignore[arg-type]
        pattern="plain",
        size="medium",
        shape="",
        centre=(0.0, 0.0, 0.0),
        extent=(1.0, 1.0, 1.0),
        heading=0.0,
        rests_on=None,
        on_wall=False,
    )


def views(seed: int, frames: int = 2) -> RoomViews:
    """Three coloured rectangles before a wall (id 3) and a floor (id 7)."""
    rng = np.random.default_rng(seed)
    room = Room("scene", seed, 4.0, 4.0, 3.0, tuple(furniture(k) for k in range(3)))
    instances = np.full((frames, 240, 320), 3, np.int16)
    instances[:, 160:] = 7
    for frame in range(frames):
        for number in range(3):
            top, left = int(rng.integers(20, 140)), 100 * number + int(rng.integers(0, 20))
            instances[frame, top : top + 70, left : left + 70] = number
    paint = np.full((8, 3), 120, np.uint8)
    paint[:3], paint[7] = list(COLOURS.values()), (80, 60, 40)
    return RoomViews(room, paint[instances], instances, np.ones((frames, 3)))


def scan(seed: int) -> RoomScan:
    """A floor and three coloured cubes of points."""
    rng = np.random.default_rng(seed)
    points = [rng.uniform((0, 0, 0), (2, 2, 0.02), (300, 3))]
    colours = [np.full((300, 3), 90)]
    for number, colour in enumerate(COLOURS.values()):
        low = np.array([0.7 * number, rng.uniform(0, 1.5), 0.1])
        points.append(low + rng.uniform(0, 0.4, (200, 3)))
        colours.append(np.tile(colour, (200, 1)))
    instances = np.repeat([7, 0, 1, 2], [300, 200, 200, 200])
    classes = [CLASSES.index(label) for label in (*LABELS, "floor")]
    tints = [COLOUR_NAMES.index(colour) for colour in COLOURS] + [-1]
    which = np.repeat([3, 0, 1, 2], [300, 200, 200, 200])
    return RoomScan(
        np.concatenate(points).astype(np.float32),
        np.concatenate(colours).astype(np.uint8),
        instances.astype(np.int64),
        np.array(classes)[which],
        np.array(tints)[which],
    )
