"""Stability and box of proposed masks, SAM's two measures that look at every pixel."""

from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float, Int64
from segment_anything.utils.amg import batched_mask_to_box, calculate_stability_score
from torch import Tensor

from hcfres.geometry.kernel import kernel


def stability_and_boxes(
    logits: Float[Tensor, "masks height width"], threshold: float, offset: float
) -> tuple[Float[Tensor, " masks"], Int64[Tensor, "masks 4"]]:
    """What `segment_anything.utils.amg` measures, on a CPU in one pass over the pixels.

    Args:
        logits: of each mask, in the image's pixels.
        threshold: a pixel above it is in the mask.
        offset: a mask is stable if moving the threshold by so much, up or down, changes little.

    Returns:
        The IoU of each mask under the higher and the lower threshold, NaN if both are empty, and
        the box of each mask as x0, y0, x1, y1, zeros if it is empty.
    """
    if logits.device.type != "cpu":
        stability = calculate_stability_score(logits, threshold, offset)
        return stability, batched_mask_to_box(logits > threshold)
    levels = np.array([threshold - offset, threshold, threshold + offset], np.float32)
    above, boxes = _measured(logits.contiguous().numpy(), levels)
    counts = torch.from_numpy(above)
    return counts[:, 1] / counts[:, 0], torch.from_numpy(boxes)


@kernel
@no_type_check
def _measured(logits, levels):
    """Pixels above the lowest and the highest level, and the box of those above the middle one."""
    lowest, middle, highest = levels
    masks, height, width = logits.shape
    above = np.zeros((masks, 2), np.int32)
    boxes = np.zeros((masks, 4), np.int64)
    for mask in range(masks):
        left, top, right, bottom = width, height, -1, -1
        for y in range(height):
            row = logits[mask, y]
            low, inside, high = np.int32(0), np.int32(0), np.int32(0)
            for x in range(width):
                low += row[x] > lowest
                inside += row[x] > middle
                high += row[x] > highest
            above[mask, 0] += low
            above[mask, 1] += high
            if inside == 0:
                continue
            top, bottom = min(top, y), y
            first, last = 0, width - 1
            while first < left and not row[first] > middle:
                first += 1
            while last > right and not row[last] > middle:
                last -= 1
            left, right = min(left, first), max(right, last)
        if bottom >= 0:
            boxes[mask] = left, top, right, bottom
    return above, boxes
