"""Training reads the training split alone, and validation alone is answered."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.cell_jobs import evaluate, train
from flows.datasets import dataset_folder
from flows.jobs import preparation
from flows.places import experiment_file
from hcfres.config.cell import CellConfig
from hcfres.config.rows import load_experiment
from hcfres.data.dataset import Dataset, Split
from hcfres.data.rooms.build import make_rooms
from hcfres.store.workspace import Workspace

KEY = "cell"
UNLIKE = {
    "train_rooms": 2,
    "val_rooms": 1,
    "train_expressions_per_room": 6,
    "val_expressions_per_room": 4,
}
"""No split has as many scans or sentences as the other."""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty workspace, that of this process."""
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    return Workspace()


@pytest.fixture
def cell() -> CellConfig:
    """The first row of Table III on such rooms, one of the two training rooms held out."""
    experiment = load_experiment(experiment_file("table3_ablation"))
    smoke = experiment.setting("smoke")
    assert smoke.data.rooms is not None
    rooms = smoke.data.rooms.model_copy(update=UNLIKE)
    data = smoke.data.model_copy(update={"rooms": rooms, "held_out": 0.5})
    _, found = experiment.cells(smoke.model_copy(update={"data": data}))[0]
    return found


@pytest.fixture
def dataset(workspace: Workspace, cell: CellConfig) -> Dataset:
    """The rooms."""
    folder = dataset_folder(cell.setting, workspace)
    assert cell.setting.data.rooms is not None
    make_rooms(cell.setting.data.rooms, folder, lambda *_: None)
    return Dataset(folder)


def test_training_reads_nothing_of_validation_and_evaluation_no_training_scan(
    workspace: Workspace, cell: CellConfig, dataset: Dataset
) -> None:
    away = workspace.root / "away"
    shutil.copytree(dataset.root, away)
    remove_scans(dataset, "val")
    remove_sentences(dataset, "val")
    train(silent, cell, KEY, preparation(False))
    shutil.rmtree(dataset.root)
    away.rename(dataset.root)
    remove_scans(dataset, "train")
    evaluate(silent, cell, KEY, preparation(False))
    told = pd.read_parquet(workspace.cells / KEY / "predictions.parquet")
    sentences = json.loads(dataset.expressions_path("multi3drefer", "val").read_text())
    asked = {(entry["scene_id"], entry["ann_id"]) for entry in sentences}
    assert set(told["scene_id"]) == set(dataset.scene_ids("val"))
    assert {(row.scene_id, row.ann_id) for row in told.itertuples()} == asked
    assert len(told) == len(asked) == 4


def remove_scans(dataset: Dataset, split: Split) -> None:
    """Remove the scans and frames of a split."""
    for scene_id in dataset.scene_ids(split):
        shutil.rmtree(dataset.root / "scans" / scene_id)
        shutil.rmtree(dataset.root / "frames" / scene_id)


def remove_sentences(dataset: Dataset, split: Split) -> None:
    """Remove the sentences of a split and the list of its scans."""
    for source in ("multi3drefer", "scanrefer"):
        dataset.expressions_path(source, split).unlink()
    (dataset.root / f"scannetv2_{split}.txt").unlink()


def silent(_: Any) -> None:
    """Tell nobody."""
