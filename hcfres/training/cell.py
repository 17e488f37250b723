"""Training a cell: from its configuration to the last epoch's weights on the disk."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hcfres.config.cell import CellConfig
from hcfres.config.identity import digest
from hcfres.data.batch import Batch
from hcfres.language.roberta import load_text
from hcfres.language.trained import trained_text
from hcfres.model.build import build_network
from hcfres.model.network import HcfRes
from hcfres.objective.criterion import Criterion
from hcfres.semantics.weights import fill, weights_path
from hcfres.training.checkpoint import WEIGHTS, save_weights
from hcfres.training.engine import synchronise
from hcfres.training.frozen import FrozenGeometry
from hcfres.training.loop import NOTHING, Checks, Report, Run, Source, fit
from hcfres.training.order import Chunk, generator
from hcfres.training.team import ALONE, Team
from hcfres.training.text_dropout import TextDropout


@dataclass(frozen=True)
class Place:
    """Where a cell is trained; nothing here changes its numbers."""

    folder: Path
    """Of the cell."""
    weights_root: Path
    """Of downloaded weights."""
    device: str = "cpu"
    team: Team = ALONE
    """The processes that train it together."""


@dataclass(frozen=True)
class Widths:
    """Widths of the frozen encoders' features."""

    dense: int
    """0 for a method without images."""
    text: int
    instance: int = 0
    """0 where it is that of `dense`, and for a method without instances."""


def train(
    cell: CellConfig,
    source: Source,
    place: Place,
    report: Report,
    checks: Checks = NOTHING,
    identity: str | None = None,
) -> HcfRes:
    """Train a cell, or go on with what is in its folder, and write the weights it keeps.

    While the U-Net is trained, its BatchNorm takes live statistics: those of the scenes that a
    process has in a batch, and on GPUs those of the batch, over all processes (decision 140).

    Args:
        cell: everything that decides the numbers.
        source: of the scenes to learn from; held-out and validation scenes are not in it.
        place: folder, device and processes.
        report: called after each epoch, in the first process.
        checks: the mean IoU on scenes that are not learnt from.
        identity: of the cell and its data; a checkpoint of another is refused. By default that
            of the configuration alone.

    Raises:
        ConfigError: the weights that the U-Net begins with are missing.
        NonFiniteLossError, CheckpointError: as `loop.fit`.
    """
    widths = widths_of(source)
    network = make_network(cell, widths, place.weights_root).to(place.device)
    synchronise(network.encoder.backbone, place.device, place.team)
    about = {"cell": cell.model_dump(mode="json"), **vars(widths)}
    run = Run(
        network=network,
        predict=_predict(network, cell, source, place),
        criterion=Criterion(cell.method.losses, cell.method.legacy),
        source=source,
        config=cell.setting.training,
        seed=cell.seed,
        identity=identity or digest(cell),
        folder=place.folder,
        about=about,
        device=place.device,
        team=place.team,
    )
    fit(run, report, checks)
    if place.team.rank == 0:
        save_weights(place.folder / WEIGHTS, network, about)
    return network


def make_network(cell: CellConfig, widths: Widths, weights_root: Path) -> HcfRes:
    """The network before its first step: the seed decides what no file gives."""
    training = cell.setting.training
    with torch.random.fork_rng():
        torch.manual_seed(int(generator(cell.seed, 0, "weights").integers(2**63)))
        network = build_network(
            cell.method,
            cell.setting.size,
            widths.dense,
            widths.text,
            widths.instance,
            text_encoder=trained_text(cell.setting, weights_root),
        )
    if training.backbone_weights is not None:
        path = weights_path(training.backbone_weights, weights_root)
        if path is not None:
            fill(network.encoder.backbone, path, "the U-Net")
    if training.backbone == "frozen":
        network.freeze_backbone()
    return network


def widths_of(source: Source) -> Widths:
    """The widths of the features that a source's batches hold."""
    batch = source.batch((_first(next(iter(source.counts))),), (generator(0, 0, "widths"),))
    dense, instance = (
        0 if features is None else features.shape[1]
        for features in (batch.scenes.dense, batch.scenes.instance)
    )
    own = 0 if instance == dense else instance
    return Widths(dense, batch.text.features.shape[-1], own)


def _first(scene_id: str) -> Chunk:
    return Chunk(scene_id, (0,))


def _predict(
    network: HcfRes, cell: CellConfig, source: Source, place: Place
) -> Callable[[Batch], Any]:
    predict = _with_geometry(network, cell, source, place.device)
    if "text_dropout" not in cell.method.legacy or network.text_encoder is not None:
        return predict
    encoder = load_text(cell.setting.text, place.weights_root)
    return TextDropout(predict, encoder.network, place.device)


def _with_geometry(
    network: HcfRes, cell: CellConfig, source: Source, device: str
) -> Callable[[Batch], Any]:
    training = cell.setting.training
    if training.backbone == "trained" or training.augment is not None:
        return lambda batch: network.decode(network.encode(batch.scenes), batch.text)
    rngs = (generator(cell.seed, 0, "unaugmented"),)
    return FrozenGeometry(
        network, lambda scene_id: source.batch((_first(scene_id),), rngs).to(device).scenes
    )
