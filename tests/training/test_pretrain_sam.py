"""What the tiny SAM is taught, and how its quality is measured."""

from functools import lru_cache

import numpy as np
import pytest
import torch

from hcfres.semantics.sam import build_sam
from hcfres.training.pretrain.sam import (
    SamLesson,
    dice,
    draw_points,
    focal,
    likeness_loss,
    mask_iou,
    mask_losses,
    one_wall,
    predict,
    sam_images,
    sharpen,
)
from hcfres.training.pretrain.sam_quality import SamQuality, compare
from hcfres.training.pretrain.views import draw_view, view
from tests.training.pretrain_toy import views


def test_points_lie_on_the_masks_they_ask_for() -> None:
    seen = view(views(0), 0)
    points, truth = draw_points(seen.instances, np.random.default_rng(0))
    for (x, y), mask in zip(points.astype(int), truth, strict=True):
        assert mask[y, x]
        assert (seen.instances[mask.numpy()] == seen.instances[y, x]).all()


def test_the_walls_of_a_room_are_one_object() -> None:
    seen = view(views(0), 0)
    seen.instances[:10] = 5
    owner = one_wall(seen)
    assert set(np.unique(owner)) == {0, 1, 2, 3, 7}


def test_a_mirrored_picture_mirrors_its_truth() -> None:
    drawn = [draw_view(views, range(1), np.random.default_rng(k)) for k in range(20)]
    for one in drawn:
        red = one.colour[..., 0] == 190
        assert np.array_equal(red, one.instances == 0)
    assert len({one.instances.tobytes() for one in drawn}) == 4


def test_focal_loss_at_zero_logits_is_a_quarter_of_ln_2() -> None:
    loss = focal(torch.zeros(1, 1, 2, 2), torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]]]))
    torch.testing.assert_close(loss, torch.full((1, 1), 0.25 * 0.693147))


def test_dice_by_hand() -> None:
    """Soft mask 1, 1, 0, 0 against 1, 0, 0, 0: 1 - (2 + 1) / (2 + 1 + 1)."""
    logits = torch.tensor([[[[99.0, 99.0], [-99.0, -99.0]]]])
    target = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    torch.testing.assert_close(dice(logits, target), torch.full((1, 1), 0.25))


def test_mask_iou_by_hand_and_of_nothing() -> None:
    logits = torch.tensor([[[[1.0, 1.0, -1.0]], [[-1.0, -1.0, -1.0]]]])
    target = torch.tensor([[[[1.0, 0.0, 1.0]], [[0.0, 0.0, 0.0]]]])
    torch.testing.assert_close(mask_iou(logits, target), torch.tensor([[1 / 3, 0.0]]))


def test_the_best_of_three_masks_is_what_counts() -> None:
    truth = torch.zeros(1, 8, 8, dtype=torch.bool)
    truth[:, :4] = True
    right = torch.where(truth[:, None, ::2, ::2], 20.0, -20.0)
    logits = torch.cat([-right, right, -right, -right], dim=1)
    mask, quality, overlap = mask_losses(logits, torch.tensor([[0.0, 1.0, 0.0, 0.0]]), truth, 1.0)
    worse, _, _ = mask_losses(-right.expand(-1, 4, -1, -1), torch.zeros(1, 4), truth, 1.0)
    assert overlap == 1
    assert quality.item() == pytest.approx(0, abs=1e-6)
    assert mask < worse / 3


def test_likeness_is_cheap_when_objects_differ_and_dear_when_all_are_alike() -> None:
    owner = np.repeat([0, 1], 32)[:, None].repeat(64, axis=1)
    apart = torch.ones(4, 8, 8)
    apart[:, 4:] = -1
    rng = np.random.default_rng(0)
    alike = torch.ones(4, 8, 8) + 0.01 * torch.randn(4, 8, 8)
    assert likeness_loss(apart, owner, rng) < 0.02
    assert likeness_loss(alike, owner, rng) > 0.5


def test_logits_cover_the_picture_without_its_padding() -> None:
    sam = build_sam("tiny", 0)
    embedding = sam.image_encoder(sam_images(sam, [view(views(0), 0)]))
    logits, scores = predict(sam, embedding, np.array([[10.0, 20.0]]), (240, 320))
    assert logits.shape == (1, 4, 72, 96)
    assert scores.shape == (1, 4)


@pytest.mark.parametrize("done", [0.0, 0.9])
def test_a_step_is_decided_by_its_generator_and_teaches_every_part_in_turn(done: float) -> None:
    sam = build_sam("tiny", 0)
    lesson = SamLesson(sam, lru_cache(views), range(2))
    losses = [lesson.loss(np.random.default_rng(5), done)[0] for _ in range(2)]
    assert losses[0].item() == losses[1].item()
    losses[0].backward()
    decoder = sam.mask_decoder.iou_prediction_head.layers[0].weight.grad
    assert sam.image_encoder.blocks[0].mlp.lin1.weight.grad.abs().sum() > 0
    assert (decoder is not None) == (done > 0.5)


def test_the_best_mask_of_each_visible_object_is_found() -> None:
    seen = view(views(0), 0)
    masks = np.stack([seen.instances == 0, seen.instances <= 1])
    pixels, best = compare(seen, masks)
    assert pixels.tolist() == [int((seen.instances == k).sum()) for k in range(3)]
    assert best[0] == 1
    assert best[1] == pytest.approx(pixels[1] / (pixels[0] + pixels[1]))
    assert best[2] == 0


def test_hidden_and_tiny_objects_are_not_asked_for() -> None:
    one = views(0)
    one.exposed[0] = (0.2, 1.0, 1.0)
    one.instances[0][one.instances[0] == 1] = 3
    pixels, best = compare(view(one, 0), np.zeros((0, 240, 320), np.bool_))
    assert len(pixels) == 1
    assert best.tolist() == [0]


def test_the_share_found_is_given_by_size() -> None:
    quality = SamQuality(np.array([250, 300, 5000]), np.array([0.5, 0.49, 1.0]), 3.0)
    assert quality.found() == pytest.approx(2 / 3)
    rows = quality.by_size()
    assert rows[0] == (200, 400, 2, 0.5)
    assert rows[-1][2:] == (1, 1.0)


def test_sharpening_multiplies_the_logits_and_leaves_the_scores() -> None:
    sam = build_sam("tiny", 0).eval()
    embedding = sam.image_encoder(sam_images(sam, [view(views(0), 0)]))
    before = predict(sam, embedding, np.array([[10.0, 20.0]]), (240, 320))
    sharpen(sam, 4.0)
    after = predict(sam, embedding, np.array([[10.0, 20.0]]), (240, 320))
    torch.testing.assert_close(after[0], 4 * before[0], rtol=0.02, atol=0.02)
    torch.testing.assert_close(after[1], before[1])
