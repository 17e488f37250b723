"""Reconstructed rooms to learn from, with what every vertex belongs to; kept on the disk."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from hcfres.data.rooms.layout import make_room
from hcfres.data.rooms.render import set_stage
from hcfres.data.rooms.scan import scan_room
from hcfres.data.rooms.seeds import ROOMS_VERSION, scene_id
from hcfres.data.rooms.writer import make_scene
from hcfres.store.arrays import load_arrays, save_arrays
from hcfres.training.pretrain.captions import CLASSES, UNTOLD, properties


@dataclass(frozen=True)
class RoomScan:
    """A reconstructed room in its own world frame, metres."""

    vertices: Float[np.ndarray, "points 3"]
    colours: UInt8[np.ndarray, "points 3"]
    instances: Int[np.ndarray, " points"]
    """Object id of each vertex; walls and floor follow the furniture."""
    classes: Int[np.ndarray, " points"]
    """Index into CLASSES."""
    tints: Int[np.ndarray, " points"]
    """Colour of the vertex's object, by number; UNTOLD where no sentence would tell it."""


Scans = Callable[[int], RoomScan]
"""Gives the scan of the room of a seed."""


def scan(seed: int) -> RoomScan:
    """Reconstruct the room of a seed as its dataset would hold it."""
    room = make_room(seed, scene_id(seed))
    scene = make_scene(room, scan_room(set_stage(room)))
    wall, floor = CLASSES.index("wall"), CLASSES.index("floor")
    told = [properties(item)[:2] for item in room.furniture]
    table = np.array([*told, *[(wall, UNTOLD)] * 4, (floor, UNTOLD)], np.int64)
    values = table[scene.instances]
    return RoomScan(scene.vertices, scene.colours, scene.instances, values[:, 0], values[:, 1])


@dataclass(frozen=True)
class KeptScans:
    """Scans by seed, kept under a folder; call it with a seed."""

    folder: Path

    def __call__(self, seed: int) -> RoomScan:
        """Give the room's scan, making it if the folder lacks it."""
        path = self.folder / f"scans{ROOMS_VERSION}" / f"{scene_id(seed)}.safetensors"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            save_arrays(path, scan(seed))
        return load_arrays(path, RoomScan)
