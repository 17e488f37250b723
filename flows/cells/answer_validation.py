"""Predictions of a network for the validation split of its own setting."""

import os
from pathlib import Path

from rich.console import Console

from flows.cells.jobs import Truths
from flows.datasets import data_key, dataset_folder
from flows.imports.checkpoint import missing_parts
from flows.jobs import preparation
from flows.live.progress import Bar, Lines
from hcfres.data.dataset import Dataset
from hcfres.data.errors import DataError, too_many
from hcfres.evaluation.evaluate import CellScores, evaluate_cell, rules_of
from hcfres.evaluation.passport import given_of
from hcfres.evaluation.predict import Method, load_method
from hcfres.evaluation.predictions import PredictionSource
from hcfres.pipeline.split import PreparedSplit
from hcfres.store.workspace import Workspace
from hcfres.training.published_import import require_same_text

PREDICTIONS = "predictions.parquet"


def answer_validation(folder: Path, console: Console) -> CellScores:
    """Write predictions.parquet into the folder of a trained method.

    Stages of scans and sentences that are not in the store are made first, one after the other.

    Raises:
        DataError: something that the answers are made from is not on this machine; all of it is
            listed. Or a scan or a sentence of it is broken.
    """
    workspace = Workspace()
    device = "cuda" if os.environ.get("HCFRES_DEVICE", "").startswith("cuda") else "cpu"
    method = load_method(folder, workspace, device)
    if missing := missing_parts(method.cell, workspace):
        reason = f"cannot be evaluated here, {too_many(list(missing))}"
        raise DataError(folder, reason, "Then run the same command again")
    setting = method.cell.setting
    require_same_text(folder, setting.text, workspace.weights)
    dataset = Dataset(dataset_folder(setting, workspace))
    validation = PreparedSplit(dataset, "val", setting, method.cell.method, preparation(False))
    name = f"{method.cell.method.title}, validation"
    bar = Bar(name, len(validation.scene_ids), None, Lines(console))
    return evaluate_cell(
        method.network,
        Truths(validation),
        _source(method, validation, folder.name),
        folder / PREDICTIONS,
        progress=lambda _done, _of, scene: bar.advance(note=scene),
        seed=method.cell.seed,
    )


def _source(method: Method, validation: PreparedSplit, name: str) -> PredictionSource:
    setting = method.cell.setting
    annotations = setting.data.expressions
    return PredictionSource(
        dataset=annotations,
        dataset_version=data_key(setting),
        dataset_hash=validation.dataset.expressions_hash(annotations, "val"),
        split="val",
        rule=rules_of(setting).rule,
        min_points=setting.min_points,
        cell_key=name,
        expressions=validation.asked,
        given=given_of(method.cell.method),
    )
