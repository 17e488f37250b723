"""A real grid whose workers only pretend to compute, and misbehave where they are asked to.

    STAND_INS='{"masks scene0700_00": "raise", "train mlf": "die once"}' \
        python -m tests.flows.stand_ins

Everything else is as `hcfres reproduce table3_ablation --setting smoke`: rooms, flows, workers,
Prefect's server, MLflow, the table and the exit code. `slow` takes a second an epoch, `brisk` a
quarter.
"""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Emit = Callable[[Any], None]
EPOCHS = 20


def make_stage(_: Emit, stage: str, scene: str, *__: Any) -> float:
    """Make nothing."""
    misbehave(f"{stage} {scene}")
    return 0.01


def make_text(_: Emit, scene: str, *__: Any) -> float:
    """Make nothing."""
    misbehave(f"sentences {scene}")
    return 0.01


def train_cell(emit: Emit, cell: str, key: str, *_: Any) -> None:
    """Keep a journal and a checkpoint."""
    from hcfres.training.journal import EpochReport, Journal  # noqa: PLC0415

    folder = folder_of(key)
    (folder / "cell.json").write_text(cell)
    (folder / "checkpoint").mkdir(exist_ok=True)
    (folder / "checkpoint" / "state").touch()
    row = row_of(cell)
    misbehave(f"train {row}")
    journal = Journal(folder / "metrics.jsonl", "")
    for epoch in range(EPOCHS):
        time.sleep({"slow": 1.0, "brisk": 0.25}.get(asked(f"train {row}"), 0.01))
        losses = {"total": 2.5 - 0.1 * epoch}
        left = float(EPOCHS - epoch - 1)
        told = EpochReport(epoch, EPOCHS, losses, 1.0, 1e-3, 0.25, 1.0, 100.0, left)
        journal.append(told)
        emit(vars(told))


def evaluate_cell(emit: Emit, cell: str, key: str, *_: Any) -> None:
    """Declare the cell done."""
    from hcfres.pipeline.versions import code_of_cells  # noqa: PLC0415

    folder, read = folder_of(key), json.loads(cell)
    emit("scene0700_00")
    misbehave(f"evaluate {row_of(cell)}")
    (folder / "predictions.parquet").write_bytes(b"")
    about = {"key": key, "setting": "smoke", "code": code_of_cells()}
    results = {"method": read["method"]["name"], "seed": read["seed"], "inputs": []}
    metrics = {f"val/all/{name}": 0.5 for name in ("miou", "acc_25", "acc_50")}
    (folder / "results.json").write_text(json.dumps(about | results | {"metrics": metrics}))
    done = {"seconds": 1.0, "files": {}, "hashes": {}, "method": read["method"]["name"]}
    (folder / "DONE.json").write_text(json.dumps(about | done))


def misbehave(what: str) -> None:
    """Do what is asked for of this piece of work."""
    how = asked(what)
    if how.endswith("once"):
        mark = Path(os.environ["HCFRES_HOME"]) / f"{what.replace(' ', '-')}.happened"
        if mark.exists():
            return
        mark.touch()
    if how.startswith("raise"):
        raise ValueError(f"{what} cannot be had")
    if how.startswith("die"):
        os.kill(os.getpid(), signal.SIGKILL)


def asked(what: str) -> str:
    """How a piece of work is to behave."""
    found: str = json.loads(os.environ.get("STAND_INS", "{}")).get(what, "")
    return found


def row_of(cell: str) -> str:
    """The row of Table III, from the method's name."""
    name: str = json.loads(cell)["method"]["name"]
    return name.partition("-")[2] or "vsd+mlf"


def folder_of(key: str) -> Path:
    """Of a cell."""
    return Path(os.environ["HCFRES_HOME"]) / "cells" / key


def main() -> None:
    """Run the grid."""
    from flows import make_home  # noqa: PLC0415
    from flows.prefect_server import start_server  # noqa: PLC0415

    make_home()
    start_server()  # before Prefect is imported, as the command does
    from flows import errors, grid, reproduce  # noqa: PLC0415
    from flows.commands import options as cli_options  # noqa: PLC0415
    from flows.workers import pool as workers  # noqa: PLC0415
    from flows.workers import sites  # noqa: PLC0415

    class StandIns(workers.WorkerPool):
        """Workers that find the job of the same name here, where there is one."""

        def call(self, job: str, *args: Any, **how: Any) -> Any:
            name = job.partition(":")[2]
            job = f"tests.flows.stand_ins:{name}" if name in globals() else job
            return super().call(job, *args, **how)

        def warm(self, job: str) -> None:
            """Import nothing."""

    sites.WorkerPool = StandIns  # type: ignore[misc]
    grid.write_figures = lambda *_: ()
    with errors.explained(cli_options.console):
        asked = reproduce.Asked(Path("table3_ablation"), "smoke")
        reproduce.reproduce_and_report(asked, cli_options.console)


if __name__ == "__main__":
    main()
