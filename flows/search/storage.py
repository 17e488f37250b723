"""Where trials are kept: in a journal beside their report, or a database for several launchers."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import LOCK_FILE_SUFFIX

from flows.planning.plan import PlanError
from flows.search.cells import SearchCells
from flows.search.records import read_trials
from flows.search.trials import Trial
from flows.tracking.store import TrackingStore, silence, store_at
from hcfres.config.loading import ConfigError
from hcfres.store.errors import StoreError
from hcfres.store.files import write_atomic
from hcfres.store.workspace import Workspace

JOURNAL, LOCK, OPTION = "trials.journal", "search.lock", "--storage"
HEARTBEAT_S = 60
"""Seconds between two signs of life of a trial in a database."""


@contextlib.contextmanager
def study_storage(
    cells: SearchCells, address: str | None, heartbeat_s: int = HEARTBEAT_S
) -> Iterator[BaseStorage]:
    """Open the trials: those of a shared database, or a journal that is ours while inside.

    Args:
        cells: of the search.
        address: of a PostgreSQL database; None for the journal.
        heartbeat_s: of a database. A trial without a sign of life for three of them is failed, and
            tried again up to three times, by whoever asks next.

    Raises:
        ConfigError: the address is no database's, or nobody answers there.
        PlanError: another launcher has the journal.
        StoreError: the journal is damaged; the database was away for too long, is of another
            version, or refuses what it is asked.
    """
    if address is not None:
        with _known_failures():
            yield trials_database(address, cells.workspace, heartbeat_s)
        return
    with own_journal(cells.folder) as journal:
        yield journal


@contextlib.contextmanager
def own_journal(folder: Path) -> Iterator[BaseStorage]:
    """Open the journal of a search's folder, ours while inside; made where there is none.

    Raises:
        PlanError: another launcher has it.
        StoreError: it is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(folder / LOCK).acquire(timeout=0)
    except Timeout:
        raise PlanError(
            f"{folder}: another launcher runs this search. Several may where they share a "
            f"database: {OPTION} postgresql+psycopg2://..., for each of them"
        ) from None
    with lock:
        mend_journal(folder / JOURNAL)
        yield _journal(folder / JOURNAL)


def known_trials(cells: SearchCells, address: str | None) -> tuple[Trial, ...]:
    """Read the trials so far; nothing is made. Raises what `study_storage` does."""
    if address is not None:
        with _known_failures():
            store = _store(address, cells.workspace)
            from flows.search.database import has_tables  # noqa: PLC0415  imports MLflow

            there = has_tables(store.uri)
            return read_trials(cells, _opened(store, HEARTBEAT_S)) if there else ()
    journal = cells.folder / JOURNAL
    return read_trials(cells, _journal(journal)) if journal.exists() else ()


def mend_journal(path: Path) -> None:
    """Make a journal whole again whose writer was killed: cut a torn last line, free its lock.

    Nobody else may have it open.
    """
    Path(f"{path}{LOCK_FILE_SUFFIX}").unlink(missing_ok=True)
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    if lines and not _is_whole(lines[-1]):
        write_atomic(path, b"".join(lines[:-1]))


def _is_whole(line: bytes) -> bool:
    with contextlib.suppress(ValueError):
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    return False


class _WholeLines(JournalFileBackend):
    """Optuna's, but that a write which fails, as on a full disk, leaves no piece of a line."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append lines, or none; the journal is one launcher's, and its threads take turns."""
        length = os.path.getsize(self._file_path)
        try:
            super().append_logs(logs)
        except BaseException:
            os.truncate(self._file_path, length)
            raise


def _journal(path: Path) -> BaseStorage:
    """Open a journal that is there, or that may be made.

    Raises:
        StoreError: a line of it is damaged.
    """
    try:
        return JournalStorage(_WholeLines(str(path)))
    except (ValueError, LookupError, TypeError) as error:
        raise StoreError(
            f"{path} is damaged, and trials are kept in it ({type(error).__name__}: {error}). Put "
            "it aside, for instance under another name: the same command begins the study anew, "
            "and finds the trials that were trained again as cells of the workspace"
        ) from None


def trials_database(
    address: str, workspace: Workspace, heartbeat_s: int = HEARTBEAT_S
) -> BaseStorage:
    """Open a database of trials; once it is open, it is waited for where it goes away.

    Raises:
        ConfigError: the address is no database's, or nobody answers there.
        StoreError: its tables are of another version of Optuna.
    """
    return _opened(_store(address, workspace), heartbeat_s)


def _store(address: str, workspace: Workspace) -> TrackingStore:
    store = store_at(address, workspace, named=OPTION)
    if store.kind != "postgresql":
        raise ConfigError(f"{OPTION} is {store.shown}: trials are kept in a PostgreSQL database")
    if why := silence(store):
        raise ConfigError(f"{OPTION} is {store.shown}, and nobody answers there: {why}")
    return store


def _opened(store: TrackingStore, heartbeat_s: int) -> BaseStorage:
    from flows.search.database import (  # noqa: PLC0415  imports MLflow
        PatientStorage,
        trials_patience,
    )

    return PatientStorage(store.uri, trials_patience(store), heartbeat_s)


@contextlib.contextmanager
def _known_failures() -> Iterator[None]:
    try:
        yield
    except StorageInternalError as error:
        raise StoreError(
            f"the database of {OPTION} refuses what it is asked ({error.__cause__ or error}). Run "
            "the same command again once it does not: what was running is tried again"
        ) from None
