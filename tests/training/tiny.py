"""A network, an objective and a source of batches small enough to train in a blink."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hcfres.config.setting import TrainingConfig
from hcfres.data.batch import Batch, SceneBatch, TargetBatch, TextBatch
from hcfres.data.expression import Expression
from hcfres.training.loop import Run

CONFIG = TrainingConfig(
    epochs=4,
    scenes_per_batch=2,
    expressions_per_scene=3,
    learning_rate=1e-2,
    weight_decay=1e-3,
    decay_power=4.0,
    clip_norm=1.0,
    backbone="trained",
)


class TinyNetwork(nn.Module):
    """A frozen part with batch statistics, a trained part with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
        self.trained = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.2))
        self.head = nn.Linear(8, 1)
        self.frozen.requires_grad_(False)

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.trained(self.frozen(batch.scenes.features))).squeeze(-1)


@dataclass(frozen=True)
class TinyLosses:
    total: Tensor
    colour: Tensor


def tiny_criterion(output: Tensor, batch: Batch) -> TinyLosses:
    loss = (output - batch.scenes.features.sum(1)).square().mean()
    return TinyLosses(loss, loss.detach())


def expression(scene_id: str, number: int, object_ids=(1,)) -> Expression:
    kind = "st_w_d" if object_ids else "zt_w_d"
    flags = (False, False, False, False)
    text = "the chair"
    return Expression("tiny", scene_id, object_ids, number, "chair", text, kind, *flags)


class TinySource:
    """Points whose number and colours follow from the scene's name, the augmentation from rng."""

    def __init__(self, **counts: int) -> None:
        self.counts = counts

    def batch(self, chunks, rng: np.random.Generator) -> Batch:
        points = 8 * len(chunks)
        colours = torch.arange(points * 6).reshape(points, 6).sin()
        colours = colours + torch.from_numpy(rng.normal(0, 0.1, (points, 6))).float()
        scene_of_point = torch.arange(points) // 8
        expressions = tuple(
            expression(chunk.scene_id, index) for chunk in chunks for index in chunk.expressions
        )
        scene_of_expression = [i for i, chunk in enumerate(chunks) for _ in chunk.expressions]
        scenes = SceneBatch(
            scene_ids=tuple(chunk.scene_id for chunk in chunks),
            coordinates=colours[:, 3:],
            voxels=torch.zeros(points, 3, dtype=torch.long),
            features=colours,
            scene_of_point=scene_of_point,
            superpoint_of_point=scene_of_point,
            superpoint_counts=(1,) * len(chunks),
            dense=None,
            dense_seen=None,
            instance=None,
            instance_seen=None,
        )
        text = TextBatch(
            torch.zeros(len(expressions), 2, 4),
            torch.ones(len(expressions), 2, dtype=torch.bool),
            torch.tensor(scene_of_expression),
        )
        targets = TargetBatch(
            torch.ones(len(chunks), dtype=torch.long),
            tuple(e.object_ids for e in expressions),
            torch.zeros(len(expressions), 1),
            torch.zeros(len(expressions), 5, 2),
        )
        return Batch(scenes, text, targets, expressions)


def make_run(folder, seed=0, **changes) -> Run:
    """A run whose initial weights follow from the seed."""
    if "network" not in changes:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            changes["network"] = TinyNetwork()
    fixed = {
        "predict": changes["network"],
        "criterion": tiny_criterion,
        "source": TinySource(a_00=5, b_00=3, c_00=7),
        "config": CONFIG,
        "seed": seed,
        "identity": "tiny",
        "folder": folder,
    }
    return Run(**(fixed | changes))
