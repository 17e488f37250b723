"""The one pass over the pixels against the two functions of segment-anything."""

import pytest
import torch
from segment_anything.utils.amg import batched_mask_to_box, calculate_stability_score

from hcfres.semantics.stability import stability_and_boxes


def blobs(masks: int, height: int, width: int) -> torch.Tensor:
    """Logits that rise and fall over several pixels, some masks touching the border."""
    coarse = torch.randn(masks, 1, 5, 6, generator=torch.Generator().manual_seed(0)) * 3
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")[:, 0]


@pytest.mark.parametrize(("threshold", "offset"), [(0.0, 1.0), (0.7, 0.3), (-1.1, 2.0)])
def test_both_measures_are_those_of_segment_anything(threshold, offset):
    logits = torch.cat([blobs(40, 37, 53), torch.randn(10, 37, 53)])
    stability, boxes = stability_and_boxes(logits, threshold, offset)
    theirs = calculate_stability_score(logits, threshold, offset)
    assert torch.equal(stability, theirs)
    assert stability.dtype == theirs.dtype
    assert torch.equal(boxes, batched_mask_to_box(logits > threshold))


def test_a_mask_worked_out_by_hand():
    logits = torch.full((1, 4, 5), -3.0)
    logits[0, 1, 1:4] = torch.tensor([2.0, 0.5, -0.5])
    logits[0, 2, 2] = 0.25
    stability, boxes = stability_and_boxes(logits, threshold=0.0, offset=1.0)
    assert stability.tolist() == [1 / 4]  # 2.0 above 1; four above -1
    assert boxes.tolist() == [[1, 1, 2, 2]]


def test_one_pixel_all_pixels_and_none():
    logits = torch.full((3, 3, 4), -5.0)
    logits[0, 2, 3] = 5
    logits[1] = 5
    stability, boxes = stability_and_boxes(logits, threshold=0.0, offset=1.0)
    assert boxes.tolist() == [[3, 2, 3, 2], [0, 0, 3, 2], [0, 0, 0, 0]]
    assert stability[:2].tolist() == [1, 1]
    assert stability[2].isnan()


def test_no_masks_and_rows_that_do_not_lie_side_by_side():
    stability, boxes = stability_and_boxes(torch.empty(0, 3, 4), threshold=0.0, offset=1.0)
    assert stability.shape == (0,)
    assert boxes.shape == (0, 4)
    turned = blobs(3, 20, 30).transpose(1, 2)
    assert torch.equal(stability_and_boxes(turned, 0.0, 1.0)[1], batched_mask_to_box(turned > 0))
