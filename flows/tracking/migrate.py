"""`hcfres migrate`: an embedded workspace's runs into a shared store (decision 167), nothing lost.

Runs are copied as MLflow holds them, not logged anew from the disk: notes that people wrote and
runs that were superseded are in no folder, nor is what older folders do not say of their making.
"""

import shutil
from collections.abc import Mapping

from rich.console import Console

from flows.tracking.run_copy import RunCopier
from flows.tracking.run_notes import NOTE, is_logged, mark_logged, note_run, run_ids
from flows.tracking.store import (
    DATABASE,
    TRACKING,
    TrackingStore,
    embedded_store,
    store_at,
    tracking_store,
)
from flows.tracking.tracker import Tracker
from hcfres.config.loading import ConfigError
from hcfres.data.errors import DataError, too_many
from hcfres.store.errors import StoreError
from hcfres.store.workspace import Workspace

_ARTEFACTS = "mlartifacts"


def migrate(to: str | None, remove: bool, console: Console) -> None:
    """Copy every run of the workspace's own database, and let the folders name the copies.

    Args:
        to: address of the store; None: the one that the environment names.
        remove: the embedded database and its artefacts, once all of it is in the store.
        console: is told what was copied.

    Raises:
        ConfigError: no shared store is named.
        DataError: the workspace has no database of its own.
        StoreError: a store does not answer, or a copy differs from its run.
    """
    workspace = Workspace()
    target = store_at(to, workspace, named="--to") if to else tracking_store(workspace)
    if not target.is_shared:
        raise ConfigError(f"name the store that the runs go to: --to, or {TRACKING}")
    database = workspace.root / DATABASE
    if not database.exists():
        reason = "no runs are tracked in this workspace"
        raise DataError(database, reason, "Set HCFRES_HOME to the workspace you mean")
    embedded = Tracker(workspace, embedded_store(workspace))
    copier = RunCopier(embedded, Tracker(workspace, target), workspace.root)
    copies = copier.copy()
    if copier.problems:
        raise StoreError(
            f"not everything is in {target.shown}: {too_many(copier.problems)}Run the command "
            "again; nothing was changed in the workspace"
        )
    _note(workspace, target, copies)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(copier.kinds.items()))
    console.print(
        f"{copier.kinds.total()} runs ({kinds}) with {copier.points} points of metrics and "
        f"{copier.artefacts} artefacts are in {target.shown}, read back and equal",
        soft_wrap=True,
        highlight=False,
    )
    if remove:
        database.unlink()
        shutil.rmtree(workspace.root / _ARTEFACTS, ignore_errors=True)
        told = f"{DATABASE} and {_ARTEFACTS} are removed"
    else:
        told = f"{DATABASE} and {_ARTEFACTS} are kept as they were; `--remove` removes them"
    console.print(f"{told}. {TRACKING} names the store that is used from now on", soft_wrap=True)


def _note(workspace: Workspace, target: TrackingStore, copies: Mapping[str, str]) -> None:
    """Let every folder with a run name its copy, and be logged there if it was logged here."""
    here = embedded_store(workspace)
    for note in workspace.root.glob(f"*/*/{NOTE}"):
        folder = note.parent
        moved = next((copies[one] for one in run_ids(folder) if one in copies), None)
        if moved is None:
            continue
        note_run(folder, moved)
        if is_logged(folder, here):
            mark_logged(folder, target)
