"""Where somebody who scans a room stands, and which of those views become frames."""

import numpy as np
from jaxtyping import Float, Int

from hcfres.data.rooms.layout import stream
from hcfres.data.rooms.raster import Camera, draw
from hcfres.data.rooms.render import Rendering, Stage, camera_at, render_frame
from hcfres.data.rooms.room import Room
from hcfres.data.rooms.shading import look_at
from hcfres.data.rooms.solids import placed_solids

_STATIONS = 14
_LOOKS = 4
_SKETCH = (80, 60)
_SEEN_PIXELS = 14
"""Pixels of the small sketch (of 4800) from which on an object counts as seen."""
_AIR_M = 0.3


def _free(room: Room, position: Float[np.ndarray, "3"]) -> bool:
    """Tell whether a scanner held there touches nothing."""
    for item in room.furniture:
        boxes = placed_solids(item)
        gap = np.maximum(boxes[:, :3] - position, position - boxes[:, 3:]).max(axis=1)
        if (gap < _AIR_M).any():
            return False
    return True


def _stations(room: Room, rng: np.random.Generator) -> list[Float[np.ndarray, "3"]]:
    """Walk around the room, near the walls, at the height of a raised hand."""
    found = []
    for k in range(_STATIONS):
        for attempt in range(12):
            angle = 2 * np.pi * (k + rng.uniform(-0.3, 0.3)) / _STATIONS
            inset = rng.uniform(0.35, 0.75) + 0.08 * attempt
            half = np.maximum(np.array([room.width, room.depth]) / 2 - inset, 0.1)
            around = np.array([np.cos(angle), np.sin(angle)])
            flat = around / max(np.abs(around)) * half
            position = np.append(
                flat + np.array([room.width, room.depth]) / 2, rng.uniform(1.35, 1.95)
            )
            if _free(room, position):
                found.append(position)
                break
    return found


def path(room: Room) -> list[Float[np.ndarray, "4 4"]]:
    """Give the poses (camera to room) of the whole scan, in the order of the walk.

    At every station the scanner looks across the room, to both sides, and down.
    """
    rng = stream(room.seed, "path")
    middle = np.array([room.width / 2, room.depth / 2, 0.0])
    poses = []
    for position in _stations(room, rng):
        across = np.arctan2(*(middle - position)[1::-1])
        for look in range(_LOOKS):
            bearing = across + (0.0, -0.65, 0.65, 0.15)[look] + rng.uniform(-0.15, 0.15)
            tilt = np.radians(rng.uniform(38, 52) if look == 3 else rng.uniform(14, 28))
            ahead = np.array(
                [np.cos(bearing) * np.cos(tilt), np.sin(bearing) * np.cos(tilt), -np.sin(tilt)]
            )
            poses.append(look_at(position, position + ahead))
    return poses


def _sketches(
    stage: Stage, poses: list[Float[np.ndarray, "4 4"]]
) -> Int[np.ndarray, "poses objects"]:
    """Count the pixels each piece of furniture has in a small picture from each pose."""
    objects = len(stage.room.furniture)
    counts = np.zeros((len(poses), objects), np.int64)
    for row, pose in enumerate(poses):
        camera: Camera = camera_at(pose, _SKETCH)
        triangle = draw(stage.mesh.vertices, stage.mesh.faces, camera).triangle
        owners = stage.mesh.instance[triangle[triangle >= 0]]
        counts[row] = np.bincount(owners, minlength=objects)[:objects]
    return counts


def choose_frames(stage: Stage, count: int) -> list[Float[np.ndarray, "4 4"]]:
    """Choose the poses that show the furniture best, in the order of the walk.

    Greedily: each frame is the one that adds most to objects seen less than twice, and among
    equals the one that shows the most objects.
    """
    poses = path(stage.room)
    seen = _sketches(stage, poses)
    value = np.minimum(seen / _SEEN_PIXELS, 1.0)
    total = np.zeros(value.shape[1])
    chosen: list[int] = []
    for _ in range(min(count, len(poses))):
        gain = np.minimum(total + value, 2.0).sum(axis=1) - np.minimum(total, 2.0).sum()
        gain = gain + 0.02 * value.sum(axis=1)
        gain[[k for c in chosen for k in range(c - 1, c + 2) if 0 <= k < len(poses)]] -= 0.5
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        chosen.append(best)
        total += value[best]
    return [poses[k] for k in sorted(chosen)]


def photograph(stage: Stage, count: int) -> tuple[Rendering, ...]:
    """Photograph the room from its chosen poses, numbered as they are walked: 0, 1, 2 ..."""
    poses = choose_frames(stage, count)
    return tuple(render_frame(stage, pose, index) for index, pose in enumerate(poses))
