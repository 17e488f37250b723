"""What the tiny CLIP is taught, and how its quality is measured."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from hcfres.semantics.clip import build_clip
from hcfres.training.pretrain.captions import (
    CLASSES,
    COLOUR_NAMES,
    UNTOLD,
    caption,
    crop,
    properties,
    regions,
    token_values,
)
from hcfres.training.pretrain.clip import ClipLesson, contrastive, property_loss
from hcfres.training.pretrain.clip_quality import top_one
from hcfres.training.pretrain.views import view
from tests.training.pretrain_toy import furniture, views


def test_a_caption_tells_pattern_colour_shape_and_class() -> None:
    chair = furniture(0)
    assert caption(chair) == "a red chair"
    assert caption(replace(chair, pattern="striped", shape="round")) == "a striped red round chair"
    assert caption(replace(chair, colour="orange")) == "an orange chair"


def test_a_colour_nobody_would_tell_is_not_told() -> None:
    monitor = replace(furniture(0), label="monitor", colour="black")
    assert caption(monitor) == "a monitor"
    assert properties(monitor) == (CLASSES.index("monitor"), UNTOLD, UNTOLD)


def test_a_region_pools_the_cells_it_covers() -> None:
    seen = view(views(0), 0)
    found = regions(seen, (15, 20), 200, 0.3)
    assert [region.item.object_id for region in found] == [0, 1, 2]
    for region in found:
        assert region.weights.sum().item() == pytest.approx(1)
        rows, columns = np.nonzero(seen.instances == region.item.object_id)
        covered = region.weights > 0
        assert covered[rows // 16, columns // 16].all()
        assert covered.sum() == len(np.unique(rows // 16 * 20 + columns // 16))


def test_a_crop_holds_the_object_and_a_margin() -> None:
    mask = np.zeros((60, 80), np.bool_)
    mask[10:30, 20:60] = True
    cut = crop(np.zeros((60, 80, 3), np.uint8), mask)
    assert cut.shape == (20 + 2 * 6, 40 + 2 * 6, 3)


def test_each_token_is_named_by_what_its_cell_shows() -> None:
    seen = view(views(0), 0)
    values = token_values(seen, (15, 20)).reshape(15, 20, 3)
    assert values[0, 0].tolist() == [CLASSES.index("wall"), UNTOLD, UNTOLD]
    assert values[14, 19].tolist() == [CLASSES.index("floor"), UNTOLD, UNTOLD]
    rows, columns = np.nonzero(seen.instances == 0)
    middle = values[int(rows.mean()) // 16, int(columns.mean()) // 16]
    assert middle.tolist() == [CLASSES.index("chair"), COLOUR_NAMES.index("red"), 0]


def test_contrastive_loss_by_hand_with_two_objects_of_one_caption() -> None:
    """Two objects, one caption each way: -log softmax over texts, and none lost over images."""
    images = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    texts = torch.eye(2)
    loss, right = contrastive(images, texts, torch.tensor([0, 0, 1]), torch.tensor(1.0))
    to_text = float(torch.log1p(torch.exp(torch.tensor(-1.0))))
    first = -np.log(2 * np.e / (2 * np.e + 1))
    second = -np.log(np.e / (np.e + 2))
    assert loss.item() == pytest.approx((to_text + (first + second) / 2) / 2)
    assert right == 1


def test_untold_properties_cost_nothing() -> None:
    phrases = {"class": torch.eye(2), "colour": torch.eye(2), "pattern": torch.eye(2)}
    values = torch.tensor([[0, UNTOLD, UNTOLD]])
    loss = property_loss(torch.tensor([[1.0, 0.0]]), values, phrases, torch.tensor(1.0))
    expected = F.cross_entropy(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    torch.testing.assert_close(loss, expected)


def test_top_one_counts_objects_whose_own_caption_wins() -> None:
    scores = torch.eye(40)
    scores[0, 0] = -1.0
    assert top_one(scores, np.arange(40), 0) == pytest.approx(39 / 40)


def test_equal_scores_are_no_hit() -> None:
    assert top_one(torch.zeros(4, 40), np.arange(4), 0) == 0


def test_a_step_is_decided_by_its_generator_and_teaches_both_towers() -> None:
    clip = build_clip("tiny", 0)
    lesson = ClipLesson(clip, lru_cache(views), range(2))
    losses = [lesson.loss(np.random.default_rng(5), 0.0)[0] for _ in range(2)]
    assert losses[0].item() == losses[1].item()
    losses[0].backward()
    assert clip.visual.conv1.weight.grad.abs().sum() > 0
    assert clip.token_embedding.weight.grad.abs().sum() > 0
