"""MLflow, the view of what the disk knows: which run belongs to which folder.

Asking twice for the run of the same cell gives the same run.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from flows.tracking.opening import is_within, open_client, open_experiment
from flows.tracking.outages import StorePatience
from flows.tracking.run_notes import TOKEN, has_token, note_run, run_ids, token_of
from flows.tracking.store import TrackingStore, tracking_store
from flows.tracking.tracked_run import LONGEST_TAG, TrackedRun
from hcfres.config.base import Config
from hcfres.reporting.frame import CellRecord, passports_of
from hcfres.store.errors import StoreError
from hcfres.store.locks import locked
from hcfres.store.workspace import Workspace

BESIDE_RESULTS = ("train/", "curve/", "spent/", "system/")
"""Prefixes of what is logged by epoch, and of what making a cell took: no results."""
_NO_SUCH_RUN = ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)
_LOCK = "mlflow.lock"


class Tracker:
    """A tracking store as a workspace uses it."""

    def __init__(
        self,
        workspace: Workspace,
        store: TrackingStore | None = None,
        patience: StorePatience | None = None,
    ) -> None:
        """Open the store, and make what it lacks.

        Args:
            store: by default the one that the environment names.
            patience: with a shared store that goes away.

        Raises:
            ConfigError: the environment names no store.
            StoreError: as `open_client` and `open_experiment`.
        """
        self.store = store or tracking_store(workspace)
        patience = patience or StorePatience(self.store)
        self._client = open_client(self.store, workspace, patience)
        self.experiment_id = open_experiment(self._client, self.store, workspace)

    @property
    def client(self) -> MlflowClient:
        """What the store is asked with; it waits for a shared one that is away."""
        return self._client

    def run(
        self,
        folder: Path,
        name: str,
        kind: str,
        parent: TrackedRun | None = None,
        born_with: Mapping[str, str] = MappingProxyType({}),
    ) -> TrackedRun:
        """Open the run that belongs to `folder`, the same one each time.

        Args:
            folder: a grid's, cell's or stage's; the run's id is kept in its `mlflow.json`.
            name: what the UI shows.
            kind: `grid`, `study`, `cell` or `stage`, as the tag `hcfres.kind`.
            parent: the run under which the UI nests this one.
            born_with: tags of a run that is made now; one that was there keeps its own.
        """
        tags = {"hcfres.kind": kind}
        if parent is not None:
            tags[MLFLOW_PARENT_RUN_ID] = parent.run_id
        with locked(folder / _LOCK):  # two launchers would make two
            if (run := self._of(folder)) is None:
                return self._made(folder, name, {**born_with, **tags})
            self._client.update_run(run.run_id, status="RUNNING", name=name)
        run.tags(tags)
        return run

    def _made(self, folder: Path, name: str, tags: dict[str, str]) -> TrackedRun:
        """Make a run and note it, or take the one that a launcher made as it was killed."""
        if found := self._begun(folder):
            return found
        cut = {name: value[:LONGEST_TAG] for name, value in tags.items()}
        tags = cut | {TOKEN: token_of(folder)}
        run = self._client.create_run(self.experiment_id, tags=tags, run_name=name)
        self._require_within(run)
        note_run(folder, run.info.run_id)
        return TrackedRun(self._client, run.info.run_id, self.experiment_id, is_new=True)

    def _begun(self, folder: Path) -> TrackedRun | None:
        """Note the run that was made for a folder which does not name it, or no more.

        Its launcher was killed before it could, or the note was damaged.
        """
        if not has_token(folder):
            return None
        asked = f"tags.`{TOKEN}` = '{token_of(folder)}'"
        found = self._client.search_runs([self.experiment_id], asked)
        if not found:
            return None
        self._require_within(found[0])
        note_run(folder, found[0].info.run_id)
        return TrackedRun(self._client, found[0].info.run_id, self.experiment_id)

    def end_open(self, folder: Path) -> None:
        """End the run of `folder` that a killed launcher left open, where there is one."""
        if run := self.left_open(folder):
            run.end()

    def left_open(self, folder: Path) -> TrackedRun | None:
        """The run of `folder`, where a killed launcher left it open."""
        run = self._of(folder) or self._begun(folder)
        if run is None or self._client.get_run(run.run_id).info.status != "RUNNING":
            return None
        return run

    def tag(self, folder: Path, values: Mapping[str, str]) -> None:
        """Set tags of the run that belongs to `folder`, where there is one."""
        if run := self._of(folder):
            run.tags(values)

    def _of(self, folder: Path) -> TrackedRun | None:
        """The run that a folder has in this store."""
        known = (self._known(run_id) for run_id in run_ids(folder))
        return next((run for run in known if run is not None), None)

    def _known(self, run_id: str) -> TrackedRun | None:
        try:
            run = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != _NO_SUCH_RUN:
                raise
            return None  # the database was deleted: the disk is the truth, a new run is made
        self._require_within(run)
        alive = run.info.lifecycle_stage == "active"
        return TrackedRun(self._client, run_id, run.info.experiment_id) if alive else None

    def _require_within(self, run: Run) -> None:
        """Refuse a run whose artefacts would be written elsewhere, as `is_within` says."""
        if not is_within(run.info.artifact_uri, self.store):
            raise StoreError(
                f"{self.store.shown} says that the artefacts of run {run.info.run_id} belong into "
                f"{run.info.artifact_uri}, where nothing is written"
            )

    def records(self) -> tuple[CellRecord, ...]:
        """Give every finished cell as MLflow holds it: what its results.json says.

        A cell that was finished again, its folder having been deleted, has several runs; the last
        that ended counts. The curves by epoch are left out; they are no results.
        """
        last: dict[str, Run] = {}
        for run in sorted(self._finished_cells(), key=_ended):
            last[run.data.tags["hcfres.cell_key"]] = run
        return tuple(_record(run) for run in last.values())

    def _finished_cells(self) -> Iterator[Run]:
        """Every run of a cell that was finished, page by page."""
        page = None
        while True:
            runs = self._client.search_runs(
                [self.experiment_id],
                "tags.`hcfres.kind` = 'cell' and attributes.status = 'FINISHED'",
                page_token=page,
            )
            yield from runs
            page = runs.token
            if not page:
                return


def _ended(run: Run) -> tuple[int, int]:
    """When a run ended, and of those that ended together when it began, in milliseconds."""
    return run.info.end_time or 0, run.info.start_time


def _record(run: Run) -> CellRecord:
    tags = run.data.tags
    return CellRecord(
        key=tags["hcfres.cell_key"],
        method=tags["hcfres.method"],
        setting=tags["hcfres.setting"],
        seed=int(tags["hcfres.seed"]),
        code=tags["hcfres.code"],
        metrics={
            name: value
            for name, value in run.data.metrics.items()
            if not name.startswith(BESIDE_RESULTS)
        },
        passports=passports_of(tags["hcfres.cell_key"], tags.get("hcfres.passports", "")),
    )


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


def chart_link(server: str, experiment_id: str) -> str:
    """Give the page that shows all cells with their charts: sorting by a metric unfolds them.

    Args:
        server: address of the MLflow server.
        experiment_id: of the experiment.
    """
    shown = {
        "searchFilter": "tags.`hcfres.kind` = 'cell'",
        "orderByKey": "metrics.`val/all/miou`",
        "orderByAsc": "false",
        "compareRunsMode": "CHART",
    }
    page = f"{server}/#/experiments/{experiment_id}/runs"
    return f"{page}?{urlencode(shown, quote_via=quote)}"
