"""Where trials are kept: in a journal beside their report, or a database for several launchers."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import LOCK_FILE_SUFFIX

from flows.planning.plan import PlanError
from flows.search.cells import SearchCells
from flows.search.records import read_trials
from flows.search.trials import Trial
from flows.tracking.store import silence, store_at
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
        StoreError: the database was away for too long, or refuses what it is asked.
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
            return read_trials(cells, trials_database(address, cells.workspace))
    journal = cells.folder / JOURNAL
    return read_trials(cells, _journal(journal)) if journal.exists() else ()


def mend_journal(path: Path) -> None:
    """Make a journal whole again whose writer was killed: cut a torn last line, free its lock.

    Nobody else may have it open.
    """
    Path(f"{path}{LOCK_FILE_SUFFIX}").unlink(missing_ok=True)
    if path.exists() and not (told := path.read_bytes()).endswith(b"\n"):
        write_atomic(path, told[: told.rfind(b"\n") + 1])


def _journal(path: Path) -> BaseStorage:
    return JournalStorage(JournalFileBackend(str(path)))


def trials_database(
    address: str, workspace: Workspace, heartbeat_s: int = HEARTBEAT_S
) -> BaseStorage:
    """Open a database of trials; once it is open, it is waited for where it goes away.

    Raises:
        ConfigError: the address is no database's, or nobody answers there.
    """
    store = store_at(address, workspace, named=OPTION)
    if store.kind != "postgresql":
        raise ConfigError(f"{OPTION} is {store.shown}: trials are kept in a PostgreSQL database")
    if why := silence(store):
        raise ConfigError(f"{OPTION} is {store.shown}, and nobody answers there: {why}")
    from flows.search.database import (  # noqa: PLC0415  imports MLflow
        PatientStorage,
        trials_patience,
    )

    return PatientStorage(address, trials_patience(store), heartbeat_s)


@contextlib.contextmanager
def _known_failures() -> Iterator[None]:
    try:
        yield
    except StorageInternalError as error:
        raise StoreError(
            f"the database of {OPTION} refuses what it is asked ({error.__cause__ or error}). Run "
            "the same command again once it does not: what was running is tried again"
        ) from None
