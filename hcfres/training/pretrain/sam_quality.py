"""How many objects the masks of a SAM find, on rooms it never saw."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int
from segment_anything.modeling import Sam

from hcfres.config.setting import MaskConfig
from hcfres.data.features import FrameMasks
from hcfres.data.scene import Frame
from hcfres.semantics.masks import generate_masks
from hcfres.training.pretrain.views import RoomViews, View, view

ROOMS_MASKS = MaskConfig(
    points_per_side=16, predicted_iou=0.35, stability=0.7, nms_iou=0.7, min_area_px=60
)
"""The thresholds of the `rooms` setting, chosen on the rooms of TUNE."""
VISIBLE_PIXELS = 200
"""Of 240 x 320, from which on an object counts as visible."""
VISIBLE_SHARE = 0.3
"""Of its silhouette that must not be hidden."""
SIZES = (200, 400, 800, 1600, 3200, 76800)
"""Bounds of the groups in which the figure is also given, pixels."""


@dataclass(frozen=True)
class SamQuality:
    """Visible objects of the examined pictures, and the best mask each has."""

    pixels: Int[np.ndarray, " objects"]
    overlap: Float[np.ndarray, " objects"]
    """IoU of the best mask; 0 where there is none."""
    masks_per_frame: float

    def found(self) -> float:
        """Share of the objects with a mask of IoU 0.5 or more."""
        return float((self.overlap >= 0.5).mean())

    def mean_overlap(self) -> float:
        """Mean over the objects of the best mask's IoU."""
        return float(self.overlap.mean())

    def by_size(self) -> tuple[tuple[int, int, int, float], ...]:
        """Lower and upper bound in pixels, number of objects, and share found, for each group."""
        rows = []
        for low, high in pairwise(SIZES):
            inside = (self.pixels >= low) & (self.pixels < high)
            share = float((self.overlap[inside] >= 0.5).mean()) if inside.any() else float("nan")
            rows.append((low, high, int(inside.sum()), share))
        return tuple(rows)


def examine_sam(sam: Sam, rooms: Iterable[RoomViews], config: MaskConfig) -> SamQuality:
    """Make masks as the pipeline does and compare them with what is really seen."""
    pixels: list[np.ndarray] = []
    overlaps: list[np.ndarray] = []
    masks, frames = 0, 0
    for views in rooms:
        found = generate_masks(_frames(views), sam, config)
        masks, frames = masks + len(found.bits), frames + len(views.colour)
        for number in range(len(views.colour)):
            counts, best = compare(view(views, number), unpack(found, number))
            pixels.append(counts)
            overlaps.append(best)
    return SamQuality(np.concatenate(pixels), np.concatenate(overlaps), masks / max(frames, 1))


def _frames(views: RoomViews) -> Iterator[Frame]:
    nothing = np.zeros((1, 1), np.float32)
    for index, colour in enumerate(views.colour):
        yield Frame(index, colour, nothing, np.eye(3), np.eye(4))


def unpack(found: FrameMasks, frame: int) -> Bool[np.ndarray, "masks height width"]:
    """Give one frame's masks as images."""
    height, width = (int(length) for length in found.size)
    bits = np.unpackbits(found.bits[found.frame_of_mask == frame], axis=1, count=height * width)
    return bits.reshape(-1, height, width).astype(np.bool_)


def compare(
    seen: View, masks: Bool[np.ndarray, "masks height width"]
) -> tuple[Int[np.ndarray, " visible"], Float[np.ndarray, " visible"]]:
    """Give each visible object's pixels and the IoU of its best mask."""
    objects = len(seen.room.furniture)
    ids = int(seen.instances.max()) + 1
    counts = np.bincount(seen.instances.ravel(), minlength=max(ids, objects))
    visible = (counts[:objects] >= VISIBLE_PIXELS) & (seen.exposed >= VISIBLE_SHARE)
    common = np.zeros((len(masks), len(counts)), np.int64)
    for row, mask in enumerate(masks):
        common[row] = np.bincount(seen.instances[mask], minlength=len(counts))
    union = common.sum(axis=1, keepdims=True) + counts[None] - common
    best = (common / np.maximum(union, 1)).max(axis=0, initial=0.0)
    return counts[:objects][visible], best[:objects][visible]
