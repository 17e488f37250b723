"""Views of synthetic rooms, rendered when first asked for and kept on the disk."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from hcfres.data.errors import DataError
from hcfres.data.rooms.camera_path import photograph
from hcfres.data.rooms.layout import make_room
from hcfres.data.rooms.render import Rendering, set_stage
from hcfres.data.rooms.seeds import EXAMINE, PRETRAIN, ROOMS_VERSION, scene_id
from hcfres.training.pretrain.views import RoomViews

FRAMES = 8
"""Pictures of each room."""
TUNE = range(PRETRAIN.stop - 200, PRETRAIN.stop)
"""Pre-training rooms kept back for choosing thresholds."""
LEARN = range(PRETRAIN.start, PRETRAIN.stop - 200)
"""Pre-training rooms that are learnt from."""
EXAM = EXAMINE[:24]
"""Rooms on which the figures of the model cards are taken."""
_JPEG_QUALITY = 95


def render_views(seed: int, frames: int = FRAMES) -> RoomViews:
    """Render a room's views as a dataset holds them: colours went through JPEG."""
    room = make_room(seed, scene_id(seed))
    renderings = photograph(set_stage(room), frames)
    return RoomViews(
        room=room,
        colour=np.stack([_through_jpeg(rendering.colour) for rendering in renderings]),
        instances=np.stack([_owners(rendering) for rendering in renderings]),
        exposed=np.stack([_exposed(rendering, len(room.furniture)) for rendering in renderings]),
    )


def _through_jpeg(
    image: UInt8[np.ndarray, "height width 3"],
) -> UInt8[np.ndarray, "height width 3"]:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return np.array(Image.open(buffer))


def _owners(rendering: Rendering) -> np.ndarray:
    nothing = len(rendering.visible)
    return np.where(rendering.instances < 0, nothing, rendering.instances).astype(np.int16)


def _exposed(rendering: Rendering, objects: int) -> np.ndarray:
    share = rendering.visible / np.maximum(rendering.unoccluded, 1)
    return np.minimum(share[:objects], 1.0)


@dataclass(frozen=True)
class KeptViews:
    """Views by seed, kept under a folder; call it with a seed."""

    folder: Path
    frames: int = FRAMES

    def __call__(self, seed: int) -> RoomViews:
        """Give the room's views, rendering them if the folder lacks them."""
        path = self.folder / f"rooms{ROOMS_VERSION}-{self.frames}" / f"{scene_id(seed)}.npz"
        if not path.is_file():
            self._render(seed, path)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                kept = {name: arrays[name] for name in ("colour", "instances", "exposed")}
        except (ValueError, KeyError, OSError, BadZipFile) as error:
            raise DataError(path, f"not readable views ({error})", "remove it") from error
        return RoomViews(room=make_room(seed, scene_id(seed)), **kept)

    def _render(self, seed: int, path: Path) -> None:
        views = render_views(seed, self.frames)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.stem}.{os.getpid()}.part")
        with part.open("wb") as file:
            np.savez(file, colour=views.colour, instances=views.instances, exposed=views.exposed)
        os.replace(part, path)


def spread(seeds: range, count: int) -> range:
    """Take `count` seeds evenly over a range, or all when it has fewer."""
    return seeds[:: max(1, len(seeds) // count)][:count]
