"""Plans on the smallest setting, and finished cells that nobody trained."""

import json
from pathlib import Path

from flows.places import experiment_file
from flows.planning.plan import Plan, PlannedCell, make_plan
from hcfres.config.rows import load_experiment
from hcfres.store.files import file_hash
from hcfres.store.workspace import Workspace

CODE = "the code of now"
TABLE3 = load_experiment(experiment_file("table3_ablation"))
TABLE2 = load_experiment(experiment_file("table2_multi3drefer"))


def small_plan(workspace: Workspace, experiment=TABLE3, code: str = CODE, **asked) -> Plan:
    """Plan an experiment on the setting `smoke`, whose encoders are untrained."""
    return make_plan(experiment, experiment.setting("smoke"), workspace, code, **asked)


def finish(
    planned: PlannedCell,
    metrics: dict[str, float],
    code: str = CODE,
    seconds: float = 60.0,
    device: str = "cpu",
) -> Path:
    """Write a cell's folder as if it had been trained and evaluated."""
    folder = planned.folder
    folder.mkdir(parents=True, exist_ok=True)
    results = {
        "key": planned.key,
        "method": planned.cell.method.name,
        "setting": planned.cell.setting.name,
        "seed": planned.cell.seed,
        "code": code,
        "inputs": ["data", "weights"],
        "metrics": metrics,
    }
    (folder / "results.json").write_text(json.dumps(results))
    done = {
        "key": planned.key,
        "setting": planned.cell.setting.name,
        "method": planned.cell.method.name,
        "code": code,
        "seconds": seconds,
        "device": device,
        "files": {"results.json": (folder / "results.json").stat().st_size},
        "hashes": {"results.json": file_hash(folder / "results.json")},
    }
    (folder / "DONE.json").write_text(json.dumps(done))
    return folder
