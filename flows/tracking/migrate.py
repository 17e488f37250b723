"""`hcfres migrate`: an embedded workspace's runs into a shared store (decision 167), nothing lost.

Runs are copied as MLflow holds them, not logged anew from the disk: notes that people wrote and
runs that were superseded are in no folder, nor is what older folders do not say of their making.
"""

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.tracking import MlflowClient
from rich.console import Console

from flows.tracking.embedded import unused
from flows.tracking.run_content import runs_of
from flows.tracking.run_copy import RunCopier
from flows.tracking.run_notes import NOTE, is_logged, mark_logged, note_run, run_ids
from flows.tracking.store import DATABASE, TRACKING, embedded_store, store_at, tracking_store
from flows.tracking.tracker import Tracker
from hcfres.config.loading import ConfigError
from hcfres.data.errors import DataError, too_many
from hcfres.store.errors import StoreError
from hcfres.store.workspace import Workspace

_ARTEFACTS = "mlartifacts"
_NO_SUCH_RUN = ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)


def migrate(to: str | None, remove: bool, console: Console) -> None:
    """Copy every run of the workspace's own database, and let the folders name the copies.

    Args:
        to: address of the store; None: the one that the environment names.
        remove: the embedded database and its artefacts, once all of it is in the store.
        console: is told what was copied.

    Raises:
        ConfigError: no shared store is named.
        DataError: the workspace has no database of its own.
        StoreError: a store does not answer, or a copy differs from its run; or a launcher uses the
            database that is to be removed.
    """
    workspace = Workspace()
    target = store_at(to, workspace, named="--to") if to else tracking_store(workspace)
    if not target.is_shared:
        raise ConfigError(f"name the store that the runs go to: --to, or {TRACKING}")
    database = workspace.root / DATABASE
    if not database.exists():
        reason = "no runs are tracked in this workspace"
        raise DataError(database, reason, "Set HCFRES_HOME to the workspace you mean")
    with unused(workspace) if remove else contextlib.nullcontext():
        embedded = Tracker(workspace, embedded_store(workspace))
        _copy(embedded, Tracker(workspace, target), workspace, console)
        if remove:
            _remove(embedded.client, workspace)
    told = (
        f"{DATABASE} and its artefacts are removed"
        if remove
        else f"{DATABASE} and {_ARTEFACTS} are kept as they were; `--remove` removes them"
    )
    console.print(f"{told}. {TRACKING} names the store that is used from now on", soft_wrap=True)


def _copy(embedded: Tracker, target: Tracker, workspace: Workspace, console: Console) -> None:
    """Copy all runs, let the folders name them, and say what was copied."""
    copier = RunCopier(embedded, target, workspace.root)
    noted = [note.parent for note in workspace.root.glob(f"*/*/{NOTE}")]
    whole = {folder for folder in noted if is_logged(folder, embedded.store)}  # before the copy is
    copies = copier.copy()
    if copier.problems:
        raise StoreError(
            f"not everything is in {target.store.shown}: {too_many(copier.problems)}Run the "
            "command again; nothing was changed in the workspace"
        )
    superseded = sum(not _note(folder, target, copies, folder in whole) for folder in noted)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(copier.kinds.items()))
    aside = f"; {superseded} are superseded by what is logged there" if superseded else ""
    console.print(
        f"{copier.kinds.total()} runs ({kinds}) with {copier.points} points of metrics and "
        f"{copier.artefacts} artefacts are in {target.store.shown}, read back and equal{aside}",
        soft_wrap=True,
        highlight=False,
    )


def _note(folder: Path, target: Tracker, copies: Mapping[str, str], whole: bool) -> bool:
    """Let a folder name its run's copy, and be logged there if it was logged here.

    Args:
        whole: whether it was, when the copy was made.

    Returns:
        False where the folder has a run there that is no copy of this one: it keeps that one, and
        the copy is superseded.
    """
    ids = run_ids(folder)
    moved = next((copies[one] for one in ids if one in copies), None)
    if moved is None:
        return True
    if any(_is_there(one, target.client) for one in ids if one not in copies and one != moved):
        target.client.set_tag(moved, "hcfres.kind", "superseded")
        return False
    note_run(folder, moved)
    if whole:
        mark_logged(folder, target.store)
    return True


def _is_there(run_id: str, client: MlflowClient) -> bool:
    try:
        return bool(client.get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as error:
        if error.error_code != _NO_SUCH_RUN:
            raise
        return False


def _remove(client: MlflowClient, workspace: Workspace) -> None:
    """Remove the embedded database and its runs' own artefacts: others' may lie beside them."""
    place = workspace.root / _ARTEFACTS
    folders = [
        place / run.info.run_id
        for experiment in client.search_experiments(ViewType.ALL)
        for run in runs_of(client, experiment.experiment_id, kinds=ViewType.ALL)
    ]
    (workspace.root / DATABASE).unlink()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # it holds a shared store's
        place.rmdir()
