"""What MLflow is told of a cell: everything is read from the cell's folder, the truth."""

import json
import time
from dataclasses import asdict
from typing import Any

from flows.plan import PlannedCell
from flows.provenance import provenance
from flows.tracking import TrackedRun, Tracker, flatten
from hcfres.config.identity import digest
from hcfres.store.files import write_atomic
from hcfres.training.journal import EpochReport, read_journal

LOGGED = "LOGGED"
"""Written into a folder when MLflow has all of it."""
CODE = "hcfres.code"
"""The tag that identifies the code of a cell's numbers."""
ONCE = 0
"""The step of what is measured once: MLflow draws it as bars, a run each, not as a curve."""


class CellLog:
    """The MLflow run of one cell, opened again when the cell is gone on with."""

    def __init__(
        self,
        planned: PlannedCell,
        tracker: Tracker,
        grid: TrackedRun | None,
        code: str | None = None,
    ) -> None:
        """Open the run.

        Args:
            code: that is about to train the cell; a run of other code is put aside for a new one.
                None: nothing is trained, what is on the disk is logged.
        """
        self._planned = planned
        planned.folder.mkdir(parents=True, exist_ok=True)
        self._run = _open(planned, tracker, grid)
        if code is not None:
            (planned.folder / LOGGED).unlink(missing_ok=True)
            if _put_aside(self._run, planned, code):
                self._run = _open(planned, tracker, grid)
            self._run.tags({CODE: code})
        self._run.params(flatten(planned.cell))
        self._run.tags(
            {
                "hcfres.cell_key": planned.key,
                "hcfres.row": planned.row.name,
                "hcfres.method": planned.cell.method.name,
                "hcfres.setting": planned.cell.setting.name,
                "hcfres.seed": str(planned.cell.seed),
                "hcfres.method_digest": digest(planned.cell.method),
                **provenance().tags(),
            }
        )
        self._last = self._run.last_step("train/total")

    def epochs(self) -> None:
        """Log the epochs of metrics.jsonl that MLflow does not have yet."""
        for report in read_journal(self._planned.folder / "metrics.jsonl"):
            if report.epoch > self._last:
                self._run.metrics(_metrics(report), report.epoch, int(time.time() * 1000))
                self._last = report.epoch

    def finish(self) -> None:
        """Log results, predictions, checkpoint and environment, and end the run."""
        folder = self._planned.folder
        self.epochs()
        told = json.loads((folder / "results.json").read_text())
        self._run.tags({CODE: told["code"], "hcfres.inputs": json.dumps(told["inputs"])})
        if "passports" in told:
            self._run.tags({"hcfres.passports": json.dumps(told["passports"])})
        self._run.metrics(told["metrics"], ONCE, int(time.time() * 1000))
        self._run.artefacts(
            [folder / name for name in ("results.json", "cell.json", "metrics.jsonl")]
        )
        self._run.artefacts([folder / "predictions.parquet"], "predictions")
        self._run.artefacts([folder / "checkpoint"], "checkpoint")
        self._run.text(provenance().packages, "environment.txt")
        self._run.text(provenance().diff, "uncommitted.diff")
        self._run.end()
        write_atomic(folder / LOGGED, b"")

    def fail(self) -> None:
        """Keep the error with the run and mark it failed."""
        self._run.artefacts([self._planned.folder / "error.log"])
        self._run.end("FAILED")


def _open(planned: PlannedCell, tracker: Tracker, grid: TrackedRun | None) -> TrackedRun:
    name = f"{planned.row.method.title}, seed {planned.cell.seed}"
    return tracker.run(planned.folder, name, "cell", grid)


def _put_aside(run: TrackedRun, planned: PlannedCell, code: str) -> bool:
    """Keep a run of other code as superseded, a kind of its own; False where it is of `code`."""
    if run.client.get_run(run.run_id).data.tags.get(CODE, code) == code:
        return False
    run.tags({"hcfres.kind": "superseded"})
    run.end("FINISHED" if (planned.folder / "DONE.json").exists() else "KILLED")
    (planned.folder / "mlflow.json").unlink()
    return True


def _metrics(report: EpochReport) -> dict[str, float]:
    """Name what an epoch measured."""
    told: dict[str, Any] = asdict(report)
    metrics = {f"train/{name}": value for name, value in told["losses"].items()}
    for name in ("gradient_norm", "learning_rate", "seconds", "memory_mb"):
        metrics[f"train/{name}"] = told[name]
    if told["held_out_miou"] is not None:
        metrics["curve/held_out_miou"] = told["held_out_miou"]
    return metrics
