"""Finished cells that nobody trained, whole in every respect: files, hashes, and their own key."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from flows.planning.plan import Plan, PlannedCell, input_keys, write_plan
from hcfres.config.rows import Experiment
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.files import fresh_hash
from hcfres.store.workspace import Workspace
from hcfres.training.journal import EpochReport
from tests.flows.fabricated import TABLE3, small_plan

EPOCH = EpochReport(
    epoch=0,
    epochs=1,
    losses={"total": 2.5},
    gradient_norm=1.0,
    learning_rate=1e-3,
    held_out_miou=0.25,
    seconds=3.0,
    memory_mb=100.0,
    seconds_left=0.0,
)


def whole_grid(workspace: Workspace, done: int = 4, experiment: Experiment = TABLE3) -> Plan:
    """A grid on the setting `smoke`, the first `done` of its four cells finished."""
    plan = small_plan(workspace, experiment, code=code_of_cells())
    for number, cell in enumerate(plan.cells[:done]):
        whole_cell(cell, workspace, 0.1 + 0.1 * number)
    plan = small_plan(workspace, experiment, code=code_of_cells())
    write_plan(plan)
    return plan


def whole_cell(planned: PlannedCell, workspace: Workspace, miou: float) -> Path:
    """Write a cell's folder as training and evaluating it does."""
    folder = planned.folder
    (folder / "checkpoint").mkdir(parents=True)
    results = {
        "key": planned.key,
        "method": planned.cell.method.name,
        "setting": planned.cell.setting.name,
        "seed": planned.cell.seed,
        "code": code_of_cells(),
        "inputs": input_keys(planned.cell, workspace),
        "metrics": {"val/all/miou": miou, "val/all/acc_25": 2 * miou, "val/all/acc_50": miou / 2},
    }
    files = {
        "cell.json": planned.cell.model_dump_json(indent=1).encode(),
        "metrics.jsonl": (json.dumps(asdict(EPOCH)) + "\n").encode(),
        "weights.safetensors": save({"w": np.full(3, miou)}),
        "predictions.parquet": b"PAR1" + planned.key.encode() + b"PAR1",
        "results.json": json.dumps(results).encode(),
        "best_held_out/weights.safetensors": save({"w": np.full(3, miou / 2)}),
        "best_held_out/predictions.parquet": b"PAR1" + planned.key[::-1].encode() + b"PAR1",
    }
    (folder / "best_held_out").mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    done = {
        "key": planned.key,
        "setting": planned.cell.setting.name,
        "code": code_of_cells(),
        "seconds": 60.0,
        "files": {name: len(content) for name, content in files.items()},
        "hashes": {name: fresh_hash(folder / name) for name in files},
    }
    (folder / "checkpoint" / "state.safetensors").write_bytes(save({"m": np.zeros(5)}))
    (folder / "DONE.json").write_text(json.dumps(done))
    return folder
