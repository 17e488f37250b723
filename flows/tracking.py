"""MLflow, the view of what the disk knows: the one file that knows runs, parameters and artefacts.

Runs are addressed by id, never by "the active run", because flows work in threads. Asking twice
for the run of the same cell gives the same run, and a step already logged is not logged again.
"""

import json
import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import mlflow
from filelock import FileLock
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from hcfres.config.base import Config
from hcfres.reporting.frame import CellRecord, passports_of
from hcfres.store.errors import StoreError
from hcfres.store.files import write_atomic
from hcfres.store.workspace import Workspace

EXPERIMENT = "hcfres"
CURVES = ("train/", "curve/")
"""Prefixes of what is logged by epoch."""
_PARAMS_AT_ONCE = 90
_METRICS_AT_ONCE = 900
_LONGEST_PARAM = 5000
_LONGEST_TAG = 8000
_CUT = "\n\n... the rest is among the artefacts"


@dataclass(frozen=True)
class TrackedRun:
    """One MLflow run, open or ended."""

    client: MlflowClient
    run_id: str
    experiment_id: str

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; ones already there with the same value are left alone."""
        params = [Param(name, str(value)[:_LONGEST_PARAM]) for name, value in values.items()]
        for start in range(0, len(params), _PARAMS_AT_ONCE):
            self.client.log_batch(self.run_id, params=params[start : start + _PARAMS_AT_ONCE])

    def metrics(self, values: Mapping[str, float], step: int, at_ms: int) -> None:
        """Log finite numbers of one step; others are named in the tag `hcfres.not_finite`."""
        finite = {name: float(value) for name, value in values.items() if math.isfinite(value)}
        if missing := sorted(set(values) - set(finite)):
            self.tags({"hcfres.not_finite": ", ".join(missing)})
        metrics = [Metric(name, value, at_ms, step) for name, value in finite.items()]
        for start in range(0, len(metrics), _METRICS_AT_ONCE):
            self.client.log_batch(self.run_id, metrics=metrics[start : start + _METRICS_AT_ONCE])

    def last_step(self, name: str) -> int:
        """Give the last step logged of a metric, -1 when there is none."""
        return max((m.step for m in self.client.get_metric_history(self.run_id, name)), default=-1)

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        self.client.log_batch(self.run_id, tags=[RunTag(k, str(v)) for k, v in values.items()])

    def artefacts(self, paths: Iterable[Path], folder: str | None = None) -> None:
        """Copy files, or the files of folders, to the run; missing ones are an error."""
        for path in paths:
            if path.is_dir():
                self.client.log_artifacts(self.run_id, str(path), folder or path.name)
            else:
                self.client.log_artifact(self.run_id, str(path), folder)

    def text(self, text: str, name: str) -> None:
        """Keep a text as an artefact that MLflow shows inline."""
        self.client.log_text(self.run_id, text, name)

    def describe(self, text: str) -> None:
        """Set the Markdown that the run's page opens with; one too long for MLflow is cut."""
        if len(text) > _LONGEST_TAG:
            text = text[: _LONGEST_TAG - len(_CUT)] + _CUT
        self.tags({MLFLOW_RUN_NOTE: text})

    def end(self, status: str = "FINISHED") -> None:
        """Close the run: FINISHED, FAILED or KILLED."""
        self.client.set_terminated(self.run_id, status)


class Tracker:
    """The tracking database of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.uri = tracking_uri(workspace)
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        with FileLock(workspace.root / "mlflow.lock"):  # four first connections at once all fail
            self._client = MlflowClient(self.uri)
            found = self._client.get_experiment_by_name(EXPERIMENT)
            place = (workspace.root.resolve() / "mlartifacts").as_uri()
            if found is not None and found.artifact_location != place:
                raise _moved(workspace, found.artifact_location)
            self.experiment_id = (
                found.experiment_id
                if found
                else self._client.create_experiment(EXPERIMENT, artifact_location=place)
            )

    def run(
        self, folder: Path, name: str, kind: str, parent: TrackedRun | None = None
    ) -> TrackedRun:
        """Open the run that belongs to `folder`, the same one each time.

        Args:
            folder: a grid's, cell's or stage's; the run's id is kept in its `mlflow.json`.
            name: what the UI shows.
            kind: `grid`, `cell` or `stage`, as the tag `hcfres.kind`.
            parent: the run under which the UI nests this one.
        """
        note = folder / "mlflow.json"
        if note.exists() and (run := self._known(json.loads(note.read_text())["run_id"])):
            self._client.update_run(run.run_id, status="RUNNING", name=name)
        else:
            made = self._client.create_run(self.experiment_id, run_name=name)
            run = TrackedRun(self._client, made.info.run_id, self.experiment_id)
            write_atomic(note, json.dumps({"run_id": run.run_id}).encode())
        tags = {"hcfres.kind": kind}
        if parent is not None:
            tags["mlflow.parentRunId"] = parent.run_id
        run.tags(tags)
        return run

    def _known(self, run_id: str) -> TrackedRun | None:
        try:
            info = self._client.get_run(run_id).info
        except mlflow.exceptions.MlflowException:
            return None  # the database was deleted: the disk is the truth, a new run is made
        alive = info.lifecycle_stage == "active"
        return TrackedRun(self._client, run_id, info.experiment_id) if alive else None

    def records(self) -> tuple[CellRecord, ...]:
        """Give every finished cell as MLflow holds it: what its results.json says.

        The curves by epoch are left out; they are no results.
        """
        found: list[CellRecord] = []
        page = None
        while True:
            runs = self._client.search_runs(
                [self.experiment_id],
                "tags.`hcfres.kind` = 'cell' and attributes.status = 'FINISHED'",
                page_token=page,
            )
            found += [_record(run) for run in runs]
            page = runs.token
            if not page:
                return tuple(found)


def _record(run: Run) -> CellRecord:
    tags = run.data.tags
    return CellRecord(
        key=tags["hcfres.cell_key"],
        method=tags["hcfres.method"],
        setting=tags["hcfres.setting"],
        seed=int(tags["hcfres.seed"]),
        code=tags["hcfres.code"],
        metrics={
            name: value for name, value in run.data.metrics.items() if not name.startswith(CURVES)
        },
        passports=passports_of(tags["hcfres.cell_key"], tags.get("hcfres.passports", "")),
    )


def _moved(workspace: Workspace, place: str) -> StoreError:
    return StoreError(
        f"{workspace.root / 'mlflow.db'} keeps its artefacts in {place}: it was moved or "
        "copied. Put it back; or delete mlflow.db and every LOGGED file in it, then ask for the "
        "grid again, and all of it is logged anew from the disk"
    )


def tracking_uri(workspace: Workspace) -> str:
    """Name the embedded database, absolute so that every process means the same file."""
    return f"sqlite:///{workspace.root.resolve() / 'mlflow.db'}"


def flatten(config: Config) -> dict[str, Any]:
    """Name every value of a configuration by its dotted path, defaults included."""
    flat: dict[str, Any] = {}

    def visit(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, part in value.items():
                visit(f"{prefix}.{name}" if prefix else name, part)
        else:
            flat[prefix] = value

    visit("", config.model_dump(mode="json"))
    return flat


def chart_link(port: int, experiment_id: str) -> str:
    """Give the page that shows all cells with their charts: sorting by a metric unfolds them."""
    shown = {
        "searchFilter": "tags.`hcfres.kind` = 'cell'",
        "orderByKey": "metrics.`val/all/miou`",
        "orderByAsc": "false",
        "compareRunsMode": "CHART",
    }
    page = f"http://127.0.0.1:{port}/#/experiments/{experiment_id}/runs"
    return f"{page}?{urlencode(shown, quote_via=quote)}"
