"""What the U-Net is taught, and how its quality is measured."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from hcfres.semantics.weights import fill, write_weights
from hcfres.training.pretrain.backbone import BackboneLesson, BackboneTeacher, pack, to_centres
from hcfres.training.pretrain.backbone_quality import (
    NYU40,
    examine_backbone,
    mean_iou,
    merge,
)
from hcfres.training.pretrain.captions import CLASSES
from hcfres.training.pretrain.loop import Progress, Schedule, train
from tests.training.pretrain_toy import scan


def test_centres_are_where_the_vertices_of_an_object_point_to() -> None:
    points = np.array([[0.0, 0, 0], [2, 0, 0], [5, 5, 5]])
    ways = to_centres(points, np.array([0, 0, 3]))
    np.testing.assert_allclose(ways, [[1, 0, 0], [-1, 0, 0], [0, 0, 0]])


def test_rooms_are_packed_one_after_the_other_each_minus_its_mean() -> None:
    batch = pack([scan(0), scan(1)], np.random.default_rng(0), None)
    assert batch.scenes == 2
    assert batch.scene_of_point.tolist() == [0] * 900 + [1] * 900
    torch.testing.assert_close(
        batch.features[:900, 3:].mean(dim=0), torch.zeros(3), atol=1e-4, rtol=0
    )
    assert batch.features[:, :3].abs().max() <= 1
    assert batch.voxels.min() == 0


def test_mean_iou_by_hand_over_classes_that_occur() -> None:
    confusion = np.array([[3, 1, 0], [1, 1, 0], [0, 0, 0]])
    assert mean_iou(confusion) == pytest.approx((3 / 5 + 1 / 3) / 2)


def test_classes_of_one_nyu40_class_are_added_up() -> None:
    confusion = np.arange(9).reshape(3, 3)
    merged = merge(confusion, np.array([7, 5, 7]))
    assert merged.tolist() == [[4, 3 + 5], [1 + 7, 0 + 2 + 6 + 8]]
    assert len(NYU40) == len(CLASSES)


def test_it_learns_easy_scans_and_its_u_net_goes_through_the_file(tmp_path: Path) -> None:
    teacher = BackboneTeacher(0)
    before = examine_backbone(teacher.eval(), [scan(0)])
    lesson = BackboneLesson(teacher, lru_cache(scan), range(4))
    lines: list[Progress] = []
    schedule = Schedule(steps=30, seed=0, learning_rate=5e-3, report_every=15)
    train(lesson, schedule, tmp_path, lines.append)
    after = examine_backbone(teacher, [scan(0)])
    assert lines[-1].figures["loss"] < lines[0].figures["loss"]
    assert after.mean_iou > before.mean_iou + 0.2
    assert len(teacher.backbone.known) == 0  # rooms that are augmented are not kept
    write_weights(tmp_path / "w.safetensors", teacher.backbone, {})
    other = BackboneTeacher(1)
    fill(other.backbone, tmp_path / "w.safetensors", "the U-Net")
    name = "unet.blocks.block0.conv_branch.2.weight"
    torch.testing.assert_close(
        other.backbone.state_dict()[name], teacher.backbone.state_dict()[name], atol=1e-3, rtol=1e-3
    )
