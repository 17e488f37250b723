from functools import partial

import numpy as np
import pytest
import torch
from segment_anything import SamAutomaticMaskGenerator
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from torch import nn

from hcfres.config.setting import MaskConfig
from hcfres.data.errors import DataError
from hcfres.data.scene import Frame
from hcfres.semantics.columns import unpack
from hcfres.semantics.masks import generate_masks, mask_generator

EVERYTHING = MaskConfig(
    points_per_side=6, predicted_iou=0.0, stability=0.0, nms_iou=1.0, min_area_px=1
)


@pytest.fixture(scope="module")
def sam() -> Sam:
    """The real class, a few thousand random numbers; its masks are blobs and its scores vary."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Sam(
            ImageEncoderViT(
                img_size=64,
                patch_size=8,
                embed_dim=16,
                depth=1,
                num_heads=2,
                out_chans=16,
                norm_layer=partial(nn.LayerNorm, eps=1e-6),
            ),
            PromptEncoder(16, (8, 8), (64, 64), 4),
            MaskDecoder(
                transformer_dim=16,
                transformer=TwoWayTransformer(depth=1, embedding_dim=16, num_heads=2, mlp_dim=16),
                iou_head_hidden_dim=16,
            ),
        ).eval()
        for head in network.mask_decoder.output_hypernetworks_mlps:
            head.layers[-1].weight.data *= 400
        network.mask_decoder.iou_prediction_head.layers[-1].weight.data *= 8
        network.mask_decoder.iou_prediction_head.layers[-1].bias.data += 0.6
    return network


def frame(index: int, seed: int = 0, size: tuple[int, int] = (48, 64)) -> Frame:
    rng = np.random.default_rng(seed)
    return Frame(
        index=index,
        colour=rng.integers(0, 256, (*size, 3)).astype(np.uint8),
        depth=np.ones((4, 4), np.float32),
        intrinsics=np.eye(3),
        camera_to_world=np.eye(4),
    )


@pytest.mark.parametrize("stability", [0.0, 0.85])
@pytest.mark.parametrize("predicted_iou", [0.0, 0.6])
@pytest.mark.parametrize("nms_iou", [0.7, 1.0])
def test_the_masks_are_those_of_sams_own_generator(sam, stability, predicted_iou, nms_iou):
    config = MaskConfig(
        points_per_side=6,
        predicted_iou=predicted_iou,
        stability=stability,
        nms_iou=nms_iou,
        min_area_px=1,
    )
    stock = SamAutomaticMaskGenerator(
        sam,
        points_per_side=6,
        points_per_batch=32,
        pred_iou_thresh=predicted_iou,
        stability_score_thresh=stability,
        box_nms_thresh=nms_iou,
    )
    image = frame(0).colour
    theirs, ours = stock.generate(image), mask_generator(sam, config).generate(image)
    assert len(theirs) == len(ours) > 0
    for one, other in zip(theirs, ours, strict=True):
        assert one.keys() == other.keys()
        assert np.array_equal(one["segmentation"], other["segmentation"])
        assert all(one[key] == other[key] for key in one if key != "segmentation")


def test_every_filter_leaves_fewer_masks(sam):
    count = [
        len(generate_masks([frame(0)], sam, EVERYTHING.model_copy(update=change)).bits)
        for change in (
            {},
            {"predicted_iou": 0.6},
            {"stability": 0.85},
            {"nms_iou": 0.5},
            {"min_area_px": 1000},
        )
    ]
    assert all(0 < left < count[0] for left in count[1:])


def test_masks_come_back_as_they_were_and_best_first(sam):
    masks = generate_masks([frame(3), frame(7, seed=1)], sam, EVERYTHING)
    assert masks.frames.tolist() == [3, 7]
    assert masks.size.tolist() == [48, 64]
    assert (np.diff(masks.frame_of_mask) >= 0).all()
    for position in (0, 1):
        of_frame = masks.predicted_iou[masks.frame_of_mask == position]
        assert (np.diff(of_frame) <= 0).all()
    records = mask_generator(sam, EVERYTHING).generate(frame(3).colour)
    best = max(records, key=lambda record: record["predicted_iou"])
    assert np.array_equal(unpack(masks, 0, 1)[0], best["segmentation"])


def test_the_same_frames_give_the_same_masks(sam):
    one, other = (generate_masks([frame(0)], sam, EVERYTHING) for _ in range(2))
    assert np.array_equal(one.bits, other.bits)
    assert np.array_equal(one.predicted_iou, other.predicted_iou)


def test_frames_without_masks_are_kept(sam):
    nothing = EVERYTHING.model_copy(update={"predicted_iou": 1.0, "stability": 1.0})
    masks = generate_masks([frame(0), frame(1)], sam, nothing)
    assert masks.frames.tolist() == [0, 1]
    assert masks.bits.shape == (0, 48 * 64 // 8)
    assert unpack(masks, 0, 0).shape == (0, 48, 64)


def test_progress_is_told_after_every_frame(sam):
    told: list[int] = []
    config = EVERYTHING.model_copy(update={"points_per_side": 1})
    generate_masks((frame(index) for index in range(3)), sam, config, told.append)
    assert told == [1, 2, 3]


def test_no_frames_or_frames_of_two_sizes_are_refused(sam):
    with pytest.raises(DataError, match="there is none to make masks of"):
        generate_masks([], sam, EVERYTHING)
    with pytest.raises(DataError, match=r"frame 9: its colour image is 32 x 64, that of frame 2"):
        generate_masks([frame(2), frame(9, size=(32, 64))], sam, EVERYTHING)
