"""What MLflow is told of a cell: everything is read from the cell's folder, the truth."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flows.cells.finished import RESULTS
from flows.cells.results import PREDICTIONS, kept_bests
from flows.live.system_metrics import SystemMetrics
from flows.planning.plan import PlannedCell
from flows.tracing.origin import ENTRIES, ORIGIN, Origin, Part, read_origin
from flows.tracing.provenance import provenance
from flows.tracking.run_notes import LOGGED, forget_run, mark_logged
from flows.tracking.tracked_run import Points, TrackedRun
from flows.tracking.tracker import Tracker, flatten
from flows.workers.beats import Beat
from flows.workers.job_log import NAME as WORKER_LOG
from hcfres.config.identity import NOT_IDENTITY, digest
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.errors import DataError
from hcfres.training.journal import EpochReport, read_journal

CODE = "hcfres.code"
"""The tag that identifies the code of a cell's numbers."""
_NAMES = {f"method.{name}" for name in NOT_IDENTITY[MethodConfig]} | {
    f"setting.{name}" for name in NOT_IDENTITY[SettingConfig]
}
"""What one cell may be called differently when it is asked for again; MLflow keeps the first."""
_UNRECORDED = {"hcfres.commit": "not recorded: made before it was"}
ONCE = 0
"""The step of what is measured once: MLflow draws it as bars, a run each, not as a curve."""
_OF_EVERY_CELL = "time/evaluation_s"
"""Of a cell evaluated anew MLflow shows the point of the latest time, whatever the clock was."""
_NOTHING: Mapping[str, str] = MappingProxyType({})
_MOMENT_S = 1.0
"""Between two looks at the epochs of a cell."""


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
        self._planned, self._store = planned, tracker.store
        planned.folder.mkdir(parents=True, exist_ok=True)
        tags = _told_of(planned) | ({CODE: code, **provenance().tags()} if code else {})
        self._run = _open(planned, tracker, grid, tags)
        known, before = self._run.known()
        if code is not None:
            (planned.folder / LOGGED).unlink(missing_ok=True)
            if before.get(CODE, code) != code:
                self._put_aside()
                self._run, known = _open(planned, tracker, grid, tags), frozenset()
        told = flatten(planned.cell)
        self._params = {k: v for k, v in told.items() if k not in _NAMES or k not in known}
        if not self._run.is_new:
            self._tell(tags)
        self._last = self._run.last_step("train/total") if known else -1
        self._told = time.monotonic()
        self._system = SystemMetrics(self._run)

    def _put_aside(self) -> None:
        """Keep a run of other code as superseded, a kind of its own."""
        folder = self._planned.folder
        self._run.tags({"hcfres.kind": "superseded"})
        self._run.end("FINISHED" if (folder / "DONE.json").exists() else "KILLED")
        forget_run(folder)

    def _tell(self, tags: Mapping[str, str] = _NOTHING, points: Sequence[Points] = ()) -> None:
        """Log, with the parameters if they were not yet: of a cell that is over at once, together.

        They come with the first sign of life, after a second.
        """
        params, self._params = self._params, {}
        self._run.log(params=params, tags=tags, points=points)

    def alive(self, beat: Beat) -> None:
        """Log what a sign of life of the worker says, now and then."""
        if self._params:
            self._tell()
        self._system(beat)

    def epoch(self) -> None:
        """Log an epoch that is done; where epochs are short, now and then all of them."""
        if time.monotonic() - self._told > _MOMENT_S:
            self.epochs()

    def epochs(self) -> None:
        """Log the epochs of metrics.jsonl that MLflow does not have yet."""
        if points := self._new_epochs():
            self._tell(points=points)

    def _new_epochs(self) -> list[Points]:
        self._told, now = time.monotonic(), int(time.time() * 1000)
        reports = read_journal(self._planned.folder / "metrics.jsonl")
        new = [report for report in reports if report.epoch > self._last]
        self._last = max((report.epoch for report in new), default=self._last)
        return [Points(_metrics(report), report.epoch, now) for report in new]

    def finish(self) -> None:
        """Log results, predictions, checkpoint and environment, and end the run."""
        folder = self._planned.folder
        told = json.loads((folder / RESULTS).read_text())
        tags = {CODE: told["code"], "hcfres.inputs": json.dumps(told["inputs"])}
        if "passports" in told:
            tags["hcfres.passports"] = json.dumps(told["passports"])
        origin = _readable_origin(folder)
        measured = told["metrics"] | ({} if origin is None else origin.measured())
        at_ms = max(int(time.time() * 1000), self._run.last_ms(_OF_EVERY_CELL) + 1)
        self._tell(
            tags | (_UNRECORDED if origin is None else origin.tags()),
            [*self._new_epochs(), Points(measured, ONCE, at_ms)],
        )
        self._run.artefacts([folder / name for name in (RESULTS, "cell.json", "metrics.jsonl")])
        if origin is not None:
            self._made_with(origin)
        self._run.artefacts([folder / PREDICTIONS], "predictions")
        for kind in kept_bests(self._planned.cell):
            self._run.artefacts([folder / kind / PREDICTIONS], kind)
        if (folder / "checkpoint").is_dir():  # a cell of another machine may lack it
            self._run.artefacts([folder / "checkpoint"], "checkpoint")
        self._run.end()
        mark_logged(folder, self._store)

    def _made_with(self, origin: Origin) -> None:
        """Keep what the cell was made with, as its folder says, not as the program is now."""
        folder = self._planned.folder
        self._run.artefacts(path for name in (ORIGIN, ENTRIES) if (path := folder / name).exists())
        *earlier, last = map(_texts, origin.parts)
        for place, path in ((name, folder / last[name]) for name in last):
            if path.exists():
                self._run.text(path.read_text(errors="replace"), place)
        others = {name for part in earlier for name in part.values()} - set(last.values())
        self._run.artefacts(path for name in sorted(others) if (path := folder / name).exists())

    def leave(self, status: str) -> None:
        """End the run of a cell that was trained for a search, and is not evaluated."""
        self.epochs()
        self._tell({"hcfres.kind": "trial"})
        self._run.end(status)

    def attempts(self, number: int) -> None:
        """Note that the cell is tried again, for the how-manyeth time."""
        self._tell({"hcfres.attempts": str(number)})

    def fail(self) -> None:
        """Keep the error, and what the worker wrote, with the run and mark it failed."""
        self._tell()
        logs = (self._planned.folder / name for name in ("error.log", WORKER_LOG))
        self._run.artefacts(log for log in logs if log.exists())
        self._run.end("FAILED")

    def interrupt(self) -> None:
        """Everything ends; the run goes on when the cell does."""
        self._tell()
        self._run.end("KILLED")


def _readable_origin(folder: Path) -> Origin | None:
    """Where a cell comes from; of one whose file is broken that is as unknown as of an older."""
    try:
        return read_origin(folder)
    except DataError:
        return None


def _texts(part: Part) -> dict[str, str]:
    """What MLflow calls the texts of a stretch of work, and the files beside the cell."""
    return {
        "environment.txt": f"packages-{part.packages}.txt",
        "uncommitted.diff": f"uncommitted-{part.uncommitted}.diff",
    }


def _open(
    planned: PlannedCell, tracker: Tracker, grid: TrackedRun | None, tags: dict[str, str]
) -> TrackedRun:
    name = f"{planned.row.method.title}, seed {planned.cell.seed}"
    return tracker.run(planned.folder, name, "cell", grid, born_with=tags)


def _told_of(planned: PlannedCell) -> dict[str, str]:
    return {
        "hcfres.cell_key": planned.key,
        "hcfres.row": planned.row.name,
        "hcfres.method": planned.cell.method.name,
        "hcfres.setting": planned.cell.setting.name,
        "hcfres.seed": str(planned.cell.seed),
        "hcfres.method_digest": digest(planned.cell.method),
    }


def _metrics(report: EpochReport) -> dict[str, float]:
    """Name what an epoch measured."""
    told: dict[str, Any] = asdict(report)
    metrics = {f"train/{name}": value for name, value in told["losses"].items()}
    for name in ("gradient_norm", "learning_rate", "seconds", "memory_mb"):
        metrics[f"train/{name}"] = told[name]
    for name in ("held_out_miou", "validation_miou"):
        if told[name] is not None:
            metrics[f"curve/{name}"] = told[name]
    return metrics
