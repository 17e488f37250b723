"""A room on one page: its frames, their depth and owners, and the room from above."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from hcfres.data.rooms.camera_path import photograph
from hcfres.data.rooms.raster import Camera, draw
from hcfres.data.rooms.render import Rendering, Stage, set_stage
from hcfres.data.rooms.room import Room
from hcfres.data.rooms.shading import look_at
from hcfres.data.rooms.texture import block_mean, paint

_COLUMNS = 4
_TOP_HEIGHT = 480


def from_above(stage: Stage) -> UInt8[np.ndarray, "height width 3"]:
    """Draw the room from above, +x to the right and +y up."""
    room = stage.room
    middle = np.array([room.width / 2, room.depth / 2, 0.0])
    scale = 2 * _TOP_HEIGHT / (room.depth + 0.4)
    size = (int((room.width + 0.4) * scale) // 2 * 2, 2 * _TOP_HEIGHT)
    height = 60.0
    pose = look_at(middle + np.array([0.0, 0.0, height]), middle)
    pose[:3, :3] = np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, -1.0]])
    focal = scale * height
    camera = Camera(pose, (focal, focal), ((size[0] - 1) / 2, (size[1] - 1) / 2), *size)
    image = block_mean(
        paint(draw(stage.mesh.vertices, stage.mesh.faces, camera), camera, stage.mesh, stage.light),
        2,
    )
    return np.clip(image * stage.tint * 255, 0, 255).astype(np.uint8)


def owner_colours(frame: Rendering) -> UInt8[np.ndarray, "height width 3"]:
    """Paint each object of a frame in a colour of its own."""
    numbers = frame.instances + 1
    palette = np.random.default_rng(5).integers(40, 255, (numbers.max() + 1, 3))
    palette[0] = 0
    return palette[numbers].astype(np.uint8)


def depth_grey(frame: Rendering) -> UInt8[np.ndarray, "height width 3"]:
    """Paint depth as grey at the size of the colour image: near is bright, nothing is black."""
    near = np.where(frame.depth > 0, 255 - np.clip(frame.depth / 7, 0, 0.9) * 255, 0)
    size = (frame.colour.shape[1], frame.colour.shape[0])
    grey = Image.fromarray(near.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
    return np.repeat(np.asarray(grey)[..., None], 3, axis=2)


def contact_sheet(room: Room, count: int, path: Path) -> None:
    """Write a PNG: the frames, then owners and depth of the first two, and the room from above."""
    stage = set_stage(room)
    frames = photograph(stage, count)
    tiles = [frame.colour for frame in frames]
    for frame in frames[:2]:
        tiles += [owner_colours(frame), depth_grey(frame)]
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // _COLUMNS)
    above = from_above(stage)
    sheet = np.full(
        (rows * height + above.shape[0], max(_COLUMNS * width, above.shape[1]), 3), 255, np.uint8
    )
    for k, tile in enumerate(tiles):
        v, u = k // _COLUMNS * height, k % _COLUMNS * width
        sheet[v : v + height, u : u + width] = tile
    sheet[rows * height :, : above.shape[1]] = above
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path)
