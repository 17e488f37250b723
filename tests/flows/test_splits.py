"""Training reads the training split alone, and validation alone is answered."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.cells.finished import read_finished
from flows.cells.jobs import evaluate, train
from flows.datasets import dataset_folder
from flows.jobs import preparation
from flows.places import experiment_file
from hcfres.config.cell import CellConfig
from hcfres.config.loading import ConfigError
from hcfres.config.rows import load_experiment
from hcfres.data.dataset import Dataset, Split
from hcfres.data.rooms.build import make_rooms
from hcfres.evaluation.predict import load_method
from hcfres.evaluation.recompute import evaluate_file
from hcfres.store.workspace import Workspace
from hcfres.training.journal import EpochReport, read_journal

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
    return training(found, keep=("last", "best_held_out"), epochs=6)


def training(cell: CellConfig, **changes: Any) -> CellConfig:
    """The cell with another training."""
    changed = cell.setting.training.model_copy(update=changes)
    setting = cell.setting.model_copy(update={"training": changed})
    return cell.model_copy(update={"setting": setting})


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
    require_both_reported(workspace.cells / KEY, "best_held_out")
    assert all(report.validation_miou is None for report in journal(workspace))


@pytest.mark.slow
def test_validation_is_read_in_training_when_its_best_epoch_is_asked_for_by_name(
    workspace: Workspace, cell: CellConfig, dataset: Dataset
) -> None:
    asked = training(cell, keep=("last", "best_validation"))
    train(silent, asked, KEY, preparation(False))
    reports = journal(workspace)
    assert [report.epoch for report in reports if report.validation_miou is not None] == [4, 5]
    evaluate(silent, asked, KEY, preparation(False))
    metrics = require_both_reported(workspace.cells / KEY, "best_validation")
    chosen = max(report.validation_miou or 0.0 for report in reports)
    assert metrics["best_validation/all/miou"] == pytest.approx(chosen)
    assert metrics["val/all/miou"] == pytest.approx(reports[-1].validation_miou or 0.0)
    assert not (workspace.cells / KEY / "best_held_out").exists()


def test_the_best_of_held_out_spaces_needs_some(
    workspace: Workspace, cell: CellConfig, dataset: Dataset
) -> None:
    (gone, *_) = dataset.scene_ids("train")
    listed = dataset.root / "scannetv2_train.txt"
    listed.write_text(listed.read_text().replace(f"{gone}\n", ""))
    with pytest.raises(ConfigError, match="there is one training space alone"):
        train(silent, cell, KEY, preparation(False))


def require_both_reported(folder: Path, kind: str) -> dict[str, float]:
    """The last epoch and a best one have predictions, their scores, and a place in DONE."""
    metrics: dict[str, float] = json.loads((folder / "results.json").read_text())["metrics"]
    finished = read_finished(folder)
    assert finished is not None
    for place, prefix in (("", "val"), (f"{kind}/", kind)):
        again = evaluate_file(folder / place / "predictions.parquet").flat()
        told = {name: metrics[f"{prefix}/{name}"] for name in again}
        assert told == pytest.approx(again)
        assert {f"{place}weights.safetensors", f"{place}predictions.parquet"} <= set(finished.files)
    assert metrics[f"{kind}/epoch"] in (4, 5)
    assert load_method(folder / kind, device="cpu").cell == load_method(folder, device="cpu").cell
    return metrics


def journal(workspace: Workspace) -> tuple[EpochReport, ...]:
    """How the epochs went."""
    return read_journal(workspace.cells / KEY / "metrics.jsonl")


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
