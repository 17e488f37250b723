"""A network, an objective and a source of batches small enough to train in a blink."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from hcfres.config.method import LossConfig
from hcfres.config.setting import TrainingConfig
from hcfres.data.batch import Batch, SceneBatch, TargetBatch, TextBatch
from hcfres.data.expression import Expression
from hcfres.objective.criterion import Criterion
from hcfres.objective.sums import Counts, LayerTerms, Sums
from hcfres.training.loop import Run

CONFIG = TrainingConfig(
    epochs=4,
    scenes_per_batch=2,
    accumulate=1,
    expressions_per_scene=3,
    precision="fp32",
    keep=("last",),
    learning_rate=1e-2,
    weight_decay=1e-3,
    decay_power=4.0,
    clip_norm=1.0,
    backbone="trained",
    text="frozen",
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


class TinyCriterion(Criterion):
    """The mean squared error of points: each point is a pair, and no other term has a weight."""

    def __init__(self) -> None:
        weights = {name: float(name == "mask_bce") for name in LossConfig.model_fields}
        super().__init__(LossConfig(**weights))

    def sums(self, output: Tensor, batch: Batch) -> Sums:
        error = (output - batch.scenes.features.sum(1)).square().sum()[None]
        nothing = torch.zeros(1)
        counts = Counts(torch.tensor(len(output)), torch.tensor(len(batch.expressions)))
        terms = LayerTerms(error, nothing, nothing, nothing, nothing)
        return Sums(terms, 0 * output.sum(), counts)


def expression(scene_id: str, number: int, object_ids=(1,)) -> Expression:
    kind = "st_w_d" if object_ids else "zt_w_d"
    flags = (False, False, False, False)
    text = "the chair"
    return Expression("tiny", scene_id, object_ids, number, "chair", text, kind, *flags)


def _colours(chunk, rng: np.random.Generator) -> Tensor:
    base = torch.arange(48).reshape(8, 6).sin() + len(chunk.expressions)
    return base + torch.from_numpy(rng.normal(0, 0.1, (8, 6))).float()


class TinySource:
    """Eight points a scene, whose colours follow from the chunk, their augmentation from rngs."""

    def __init__(self, **counts: int) -> None:
        self.counts = counts

    def batch(self, chunks, rngs: Sequence[np.random.Generator]) -> Batch:
        points = 8 * len(chunks)
        colours = torch.cat([_colours(c, rng) for c, rng in zip(chunks, rngs, strict=True)])
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
        "criterion": TinyCriterion(),
        "source": TinySource(a_00=5, b_00=3, c_00=7),
        "config": CONFIG,
        "seed": seed,
        "identity": "tiny",
        "folder": folder,
    }
    return Run(**(fixed | changes))
