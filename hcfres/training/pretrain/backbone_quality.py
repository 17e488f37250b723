"""How well the U-Net's features tell classes apart, on rooms it never saw."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int

from hcfres.data.rooms.catalogue import KINDS, STRUCTURE
from hcfres.training.pretrain.backbone import BackboneTeacher, pack
from hcfres.training.pretrain.captions import CLASSES
from hcfres.training.pretrain.scans import RoomScan

NYU40 = np.array([KINDS[label].nyu40 if label in KINDS else STRUCTURE[label] for label in CLASSES])
"""The nyu40 class of each class."""


@dataclass(frozen=True)
class BackboneQuality:
    """Shares on the vertices of the examined rooms."""

    points: int
    accuracy: float
    """Vertices whose class is told right."""
    mean_iou: float
    """Mean IoU over the nyu40 classes that occur."""
    mean_iou_labels: float
    """The same over ScanNet's raw categories, which are finer."""


@torch.inference_mode()
def examine_backbone(teacher: BackboneTeacher, rooms: Iterable[RoomScan]) -> BackboneQuality:
    """Let the class head name every vertex."""
    confusion = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    for room in rooms:
        batch = pack([room], np.random.default_rng(0), None)
        guess = teacher.classes(teacher(batch)).argmax(dim=1).numpy()
        np.add.at(confusion, (room.classes, guess), 1)
    return BackboneQuality(
        points=int(confusion.sum()),
        accuracy=float(np.trace(confusion) / max(confusion.sum(), 1)),
        mean_iou=mean_iou(merge(confusion, NYU40)),
        mean_iou_labels=mean_iou(confusion),
    )


def merge(
    confusion: Int[np.ndarray, "classes classes"], names: Int[np.ndarray, " classes"]
) -> Int[np.ndarray, "merged merged"]:
    """Add up the rows and columns of classes that share a name."""
    _, which = np.unique(names, return_inverse=True)
    merged = np.zeros((which.max() + 1, which.max() + 1), np.int64)
    np.add.at(merged, (which[:, None], which[None, :]), confusion)
    return merged


def mean_iou(confusion: Int[np.ndarray, "classes classes"]) -> float:
    """Mean IoU over the classes that occur; rows are what is, columns what was said."""
    common = np.diag(confusion)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - common
    occurs = confusion.sum(axis=1) > 0
    return float((common[occurs] / union[occurs]).mean())
