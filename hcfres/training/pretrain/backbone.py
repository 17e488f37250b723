"""Initial weights of the sparse U-Net: what each vertex of a room belongs to.

Three linear heads on the point features, thrown away afterwards: the object's class, the way to
its centre (metres), and its colour.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from hcfres.config.setting import AugmentConfig
from hcfres.data.augment import augment
from hcfres.model.backbone import SparseUNet
from hcfres.training.pretrain.captions import CLASSES, COLOUR_NAMES, UNTOLD
from hcfres.training.pretrain.scans import RoomScan, Scans

CHANNELS, LEVELS, VOXEL_M = 16, 4, 0.05
"""The `rooms` setting's sizes."""
CHANNELS_IN = 6
_ROOMS = 2
_CHANGES = AugmentConfig(jitter=0.03, flip=0.5, rotate=True, colour=0.05, elastic=False)


@dataclass(frozen=True)
class ScanBatch:
    """A few rooms as the U-Net is given them, and what it should say."""

    voxels: Int[Tensor, "points 3"]
    features: Float[Tensor, "points 6"]
    scene_of_point: Int[Tensor, " points"]
    scenes: int
    classes: Int[Tensor, " points"]
    tints: Int[Tensor, " points"]
    centres: Float[Tensor, "points 3"]
    """From each vertex to the middle of its object's vertices, metres."""


class BackboneTeacher(nn.Module):
    """The U-Net and its three heads."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.backbone = SparseUNet(CHANNELS_IN, CHANNELS, LEVELS)
            self.classes = nn.Linear(CHANNELS, len(CLASSES))
            self.tints = nn.Linear(CHANNELS, len(COLOUR_NAMES))
            self.centres = nn.Linear(CHANNELS, 3)

    def forward(self, batch: ScanBatch) -> Float[Tensor, "points channels"]:
        """F_p of the batch's points."""
        return self.backbone(
            batch.voxels, batch.features, batch.scene_of_point, batch.scenes, moved=True
        )


class BackboneLesson:
    """Rooms, and what their vertices belong to."""

    what = "backbone"

    def __init__(self, teacher: BackboneTeacher, source: Scans, seeds: range) -> None:
        self.network, self.source, self.seeds = teacher, source, seeds

    def loss(
        self, rng: np.random.Generator, done: float
    ) -> tuple[Float[Tensor, ""], dict[str, float]]:
        """Draw rooms; cross-entropies of class and colour, distance from the centre."""
        scans = [self.source(int(rng.choice(self.seeds))) for _ in range(_ROOMS)]
        batch = pack(scans, rng, _CHANGES)
        points = self.network(batch)
        logits = self.network.classes(points)
        semantic = F.cross_entropy(logits, batch.classes, label_smoothing=0.05)
        told = batch.tints != UNTOLD
        tint = F.cross_entropy(self.network.tints(points[told]), batch.tints[told])
        centre = F.smooth_l1_loss(self.network.centres(points), batch.centres, beta=0.1)
        right = (logits.argmax(dim=1) == batch.classes).float().mean().item()
        figures = {"class": semantic.item(), "colour": tint.item(), "centre": centre.item()}
        return semantic + 0.5 * tint + 0.5 * centre, {**figures, "right": right}


def pack(
    scans: list[RoomScan], rng: np.random.Generator, changes: AugmentConfig | None
) -> ScanBatch:
    """Give rooms the form of the U-Net's input: each minus its mean, changed at random."""
    changed = [
        augment(
            (scan.vertices - scan.vertices.mean(axis=0)).astype(np.float32),
            (scan.colours / 127.5 - 1).astype(np.float32),
            VOXEL_M,
            rng,
            changes,
        )
        for scan in scans
    ]
    features = [np.hstack([one.colours, one.coordinates]).astype(np.float32) for one in changed]
    centres = [
        to_centres(one.coordinates, scan.instances)
        for one, scan in zip(changed, scans, strict=True)
    ]
    sizes = [len(one.voxels) for one in changed]
    return ScanBatch(
        voxels=torch.from_numpy(np.concatenate([one.voxels for one in changed])),
        features=torch.from_numpy(np.concatenate(features)),
        scene_of_point=torch.repeat_interleave(torch.arange(len(scans)), torch.tensor(sizes)),
        scenes=len(scans),
        classes=torch.from_numpy(np.concatenate([scan.classes for scan in scans])),
        tints=torch.from_numpy(np.concatenate([scan.tints for scan in scans])),
        centres=torch.from_numpy(np.concatenate(centres)),
    )


def to_centres(
    coordinates: Float[np.ndarray, "points 3"], instances: Int[np.ndarray, " points"]
) -> Float[np.ndarray, "points 3"]:
    """Give the way from each vertex to the mean of its object's vertices."""
    counts = np.maximum(np.bincount(instances), 1)
    sums = np.stack([np.bincount(instances, coordinates[:, axis]) for axis in range(3)], axis=1)
    return ((sums / counts[:, None])[instances] - coordinates).astype(np.float32)
