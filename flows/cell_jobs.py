"""Training and evaluating one cell in a worker: what is read, what is written into its folder."""

import json
import os
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from torch import nn

from flows.datasets import data_key, dataset_folder
from flows.plan import input_keys
from hcfres.config.cell import CellConfig
from hcfres.data.batch import Batch
from hcfres.data.dataset import Dataset
from hcfres.evaluation.answers import SceneTruth, scene_truth
from hcfres.evaluation.cost import count_parameters, measure_latency
from hcfres.evaluation.evaluate import evaluate_cell, held_out_miou, rules_of
from hcfres.evaluation.file_scores import score_file
from hcfres.evaluation.passport import Passport, given_of, passports_json
from hcfres.evaluation.predictions import PredictionSource
from hcfres.language.roberta import load_text
from hcfres.model.network import HcfRes
from hcfres.pipeline.collate import collate
from hcfres.pipeline.scene import Preparation
from hcfres.pipeline.split import PreparedSplit
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.files import file_hash, write_atomic
from hcfres.store.workspace import Workspace
from hcfres.training.cell import WEIGHTS, Place, Widths, make_network
from hcfres.training.cell import train as train_network
from hcfres.training.checkpoint import is_of, read_tensors
from hcfres.training.journal import EpochReport, read_journal
from hcfres.training.order import split_spaces

Emit = Callable[[Any], None]

KEPT_FILES = ("cell.json", "metrics.jsonl", WEIGHTS, "predictions.parquet", "results.json")
"""What a finished cell consists of; DONE.json names their sizes and hashes."""


@dataclass(frozen=True)
class Results:
    """The numbers of a cell, and their passports."""

    metrics: dict[str, float]
    passports: tuple[Passport, ...]


@dataclass(frozen=True)
class Truths:
    """A prepared split as evaluation reads it: scenes, sentences and where the targets lie."""

    split: PreparedSplit

    @property
    def scene_ids(self) -> tuple[str, ...]:
        """Scans in order."""
        return self.split.scene_ids

    def truth(self, scene_id: str) -> SceneTruth:
        """The scan, its superpoints, its expressions and where their targets lie."""
        prepared = self.split.prepared(scene_id)
        expressions = self.split.expressions[scene_id]
        alignment = self.split.dataset.scan_info(scene_id).axis_alignment
        labels = prepared.superpoints.labels
        return scene_truth(prepared.scene, labels, expressions, alignment)

    def whole(self, scene_id: str) -> Batch:
        """The scene with all its vertices and expressions, without augmentation."""
        return self.split.whole(scene_id)


def train(emit: Emit, cell: CellConfig, key: str, preparation: Preparation) -> None:
    """Train to the last epoch; held-out training spaces give the curve, validation nothing."""
    folder = Workspace().cells / key
    identity = f"{key}-{code_of_cells()}"
    begin(folder, identity)
    write_atomic(folder / "cell.json", cell.model_dump_json(indent=1).encode())
    everything = _split(cell, "train", preparation)
    learnt, held_out = split_spaces(everything.scene_ids, cell.setting.data.held_out)
    source = replace(everything, only=frozenset(learnt))
    judges = Truths(replace(everything, only=frozenset(held_out)))

    def check(network: nn.Module) -> float:
        return held_out_miou(cast(HcfRes, network), judges, rules_of(cell.setting))

    machine = preparation.machine
    train_network(
        cell,
        source,
        Place(folder, machine.weights, machine.device),
        lambda report: emit(asdict(report)),
        check if held_out else None,
        identity=identity,
    )


def begin(folder: Path, identity: str) -> None:
    """Declare a cell not done, and drop the training of another identity that is in its folder."""
    state = folder / "checkpoint"
    if not is_of(state, identity):
        shutil.rmtree(state)
        (folder / "metrics.jsonl").unlink(missing_ok=True)
    (folder / "DONE.json").unlink(missing_ok=True)


def evaluate(emit: Emit, cell: CellConfig, key: str, preparation: Preparation) -> None:
    """Answer validation once, measure the cost, and declare the cell done."""
    folder = Workspace().cells / key
    began = time.perf_counter()
    validation = _split(cell, "val", preparation)
    network = trained_network(cell, folder, preparation)
    source = PredictionSource(
        dataset=cell.setting.data.expressions,
        dataset_version=data_key(cell.setting),
        dataset_hash=validation.dataset.expressions_hash(cell.setting.data.expressions, "val"),
        split="val",
        rule=rules_of(cell.setting).rule,
        min_points=cell.setting.min_points,
        cell_key=key,
        given=given_of(cell.method),
    )
    scores = evaluate_cell(
        network,
        Truths(validation),
        source,
        folder / "predictions.parquet",
        progress=lambda _done, _of, scene: emit(scene),
        seed=cell.seed,
    )
    metrics = _named(scores.flat()) | _cost(network, validation, cell, preparation)
    metrics |= score_file(folder / "predictions.parquet").box_scores()
    _declare(cell, key, folder, Results(metrics, source.passports), time.perf_counter() - began)


def trained_network(cell: CellConfig, folder: Path, preparation: Preparation) -> HcfRes:
    """Build a cell's network with the last epoch's weights, on the worker's device."""
    state, about = read_tensors(folder / WEIGHTS)
    widths = Widths(*(int(about[name]) for name in ("dense", "text", "instance")))
    network = make_network(cell, widths, preparation.machine.weights)
    network.load_state_dict(state)
    return network.to(preparation.machine.device)


def _split(cell: CellConfig, split: Any, preparation: Preparation) -> PreparedSplit:
    dataset = Dataset(dataset_folder(cell.setting, Workspace()))
    return PreparedSplit(dataset, split, cell.setting, cell.method, preparation)


def _named(flat: dict[str, float]) -> dict[str, float]:
    """Our own scores under val/, those of other predictors under yardstick/."""
    return {
        f"{'val' if name.count('/') == 1 else 'yardstick'}/{name}": value
        for name, value in flat.items()
    }


def _cost(
    network: HcfRes, validation: PreparedSplit, cell: CellConfig, preparation: Preparation
) -> dict[str, float]:
    """Parameters, the text encoder's included, and the time of one sentence on a warm scene."""
    text = load_text(cell.setting.text, preparation.machine.weights)
    parameters = count_parameters(network, [text.network])
    latencies = [
        measure_latency(network, _one_sentence(validation, scene), repeats=5)
        for scene in validation.scene_ids[:4]
    ]
    whole = [latency.scene_ms + latency.expression_ms for latency in latencies]
    return {
        "cost/params_m": parameters.total / 1e6,
        "cost/trainable_m": parameters.trainable / 1e6,
        "cost/inference_ms": statistics.median(whole),
        "cost/scene_ms": statistics.median(latency.scene_ms for latency in latencies),
        "cost/expression_ms": statistics.median(latency.expression_ms for latency in latencies),
    }


def _one_sentence(validation: PreparedSplit, scene_id: str) -> Batch:
    sample = validation.sample(scene_id).take([0])
    return collate([sample], validation.setting.size.voxel_m)


def _declare(cell: CellConfig, key: str, folder: Path, found: Results, evaluation_s: float) -> None:
    """Write results.json and, last of all, DONE.json."""
    reports = read_journal(folder / "metrics.jsonl")
    training_s = sum(report.seconds for report in reports)
    results = {
        "key": key,
        "method": cell.method.name,
        "setting": cell.setting.name,
        "seed": cell.seed,
        "code": code_of_cells(),
        "inputs": input_keys(cell, Workspace()),
        "passports": passports_json(found.passports),
        "metrics": found.metrics
        | {"time/training_s": training_s, "time/evaluation_s": evaluation_s}
        | _last_held_out(reports),
    }
    write_atomic(folder / "results.json", json.dumps(results, indent=1).encode())
    done = {
        "key": key,
        "setting": cell.setting.name,
        "code": results["code"],
        "seconds": round(training_s + evaluation_s, 1),
        "device": os.environ.get("HCFRES_DEVICE", "cpu"),
        "files": {name: (folder / name).stat().st_size for name in KEPT_FILES},
        "hashes": {name: file_hash(folder / name) for name in KEPT_FILES},
    }
    write_atomic(folder / "DONE.json", json.dumps(done, indent=1).encode())


def _last_held_out(reports: tuple[EpochReport, ...]) -> dict[str, float]:
    found = [r.held_out_miou for r in reports if r.held_out_miou is not None]
    return {"held_out/last_miou": found[-1]} if found else {}
