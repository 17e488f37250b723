"""What a finished cell consists of: its files, its numbers and their names."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from flows.cells.finished import RESULTS
from flows.planning.plan import input_keys
from hcfres.config.cell import CellConfig
from hcfres.config.setting import Kept
from hcfres.evaluation.passport import Passport, passports_json
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.files import file_hash, write_atomic
from hcfres.store.workspace import Workspace
from hcfres.training.best import SCORES
from hcfres.training.checkpoint import WEIGHTS, read_about
from hcfres.training.journal import EpochReport, read_journal

PREDICTIONS = "predictions.parquet"
_FILES = ("cell.json", "metrics.jsonl", WEIGHTS, PREDICTIONS, RESULTS)


@dataclass(frozen=True)
class Results:
    """The numbers of a cell, and their passports."""

    metrics: dict[str, float]
    passports: tuple[Passport, ...]


def kept_bests(cell: CellConfig) -> tuple[Kept, ...]:
    """The weights that a cell keeps beside the last epoch's: a folder each, of that name."""
    return tuple(kind for kind in SCORES if kind in cell.setting.training.keep)


def kept_files(cell: CellConfig) -> tuple[str, ...]:
    """What a finished cell consists of; DONE.json names their sizes and hashes."""
    bests = [f"{kind}/{name}" for kind in kept_bests(cell) for name in (WEIGHTS, PREDICTIONS)]
    return (*_FILES, *bests)


def is_last_epoch(cell: CellConfig, folder: Path) -> bool:
    """Whether the best epoch, whose weights are in `folder`, was the last: they are the same."""
    return int(read_about(folder / WEIGHTS)["epoch"]) + 1 == cell.setting.training.epochs


def named(flat: dict[str, float]) -> dict[str, float]:
    """The last epoch's own scores under val/, those of other predictors under yardstick/."""
    return {
        f"{'val' if name.count('/') == 1 else 'yardstick'}/{name}": value
        for name, value in flat.items()
    }


def named_best(kind: Kept, folder: Path, flat: dict[str, float]) -> dict[str, float]:
    """The scores of a best epoch's weights on validation, under their name, and why it is best."""
    about, chosen_by = read_about(folder / WEIGHTS), SCORES[kind]
    chosen = {"epoch": float(about["epoch"]), chosen_by: float(about[chosen_by])}
    return {f"{kind}/{name}": value for name, value in (flat | chosen).items()}


def declare(cell: CellConfig, key: str, folder: Path, found: Results, evaluation_s: float) -> None:
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
    write_atomic(folder / RESULTS, json.dumps(results, indent=1).encode())
    files = kept_files(cell)
    done = {
        "key": key,
        "setting": cell.setting.name,
        "method": cell.method.name,
        "code": results["code"],
        "seconds": round(training_s + evaluation_s, 1),
        "device": os.environ.get("HCFRES_DEVICE", "cpu"),
        "files": {name: (folder / name).stat().st_size for name in files},
        "hashes": {name: file_hash(folder / name) for name in files},
    }
    write_atomic(folder / "DONE.json", json.dumps(done, indent=1).encode())


def _last_held_out(reports: tuple[EpochReport, ...]) -> dict[str, float]:
    found = [r.held_out_miou for r in reports if r.held_out_miou is not None]
    return {"held_out/last_miou": found[-1]} if found else {}
