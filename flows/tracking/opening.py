"""Opening a tracking store: it answers, it is of our version, it holds the experiment, safely."""

import contextlib
import logging
import os
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from filelock import FileLock
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking import MlflowClient

from flows.tracking.alone import alone_at
from flows.tracking.damage import damage_told
from flows.tracking.outages import StorePatience, is_away, patient
from flows.tracking.store import ARTEFACTS, DATABASE, TRACKING, TrackingStore, silence
from flows.tracking.turns import in_turn
from hcfres.store.errors import StoreError
from hcfres.store.workspace import Workspace

EXPERIMENT = "hcfres"
_QUIET = ("mlflow", "alembic")
_QUIETER = ("mlflow.store.db.utils", "urllib3.connectionpool")
"""Print a traceback of whatever fails, which we are told too and say in a line."""


def open_client(
    store: TrackingStore, workspace: Workspace, patience: StorePatience
) -> MlflowClient:
    """Give a client of a store that answers and has its tables.

    Raises:
        StoreError: nobody answers there, it refuses us, its tables are of another version, or it
            is damaged.
    """
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _QUIETER:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if store.is_shared:
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # we wait, and says so
    if why := silence(store):
        raise StoreError(
            f"nobody answers at {store.shown}, where runs are to be tracked ({why}). Start it; "
            f"without {TRACKING} the embedded database is used"
        )
    database = workspace.root / DATABASE
    with contextlib.ExitStack() as alone:  # several first ones all fail
        alone.enter_context(FileLock(workspace.root / "mlflow.lock"))
        if store.kind == "postgresql":
            alone.enter_context(alone_at(store.uri, b"hcfr"))
        alone.enter_context(damage_told(database))
        if store.kind == "embedded" and not database.exists():
            _make_tables(database, store)
        client = _connected(store)
    return patient(client, patience) if store.is_shared else in_turn(client, database)


def _make_tables(database: Path, store: TrackingStore) -> None:
    """Make MLflow's tables beside the database's place: cut short there they could not be gone on
    with, as SQLite keeps each as soon as it is made."""
    partial = database.with_name(f"{database.name}.partial")
    for name in (partial, partial.with_name(f"{partial.name}-journal")):
        name.unlink(missing_ok=True)
    SqlAlchemyStore(f"sqlite:///{partial}", store.artefacts).engine.dispose()
    os.replace(partial, database)


def _connected(store: TrackingStore) -> MlflowClient:
    """A client that was answered once, whereupon a database has its tables."""
    try:
        client = MlflowClient(store.uri)
        client.get_experiment_by_name(EXPERIMENT)
    except MlflowException as error:
        if "out-of-date database schema" in str(error):
            raise _other_version(store, error) from error
        if store.kind == "server" and not is_away(error):
            raise _refused(store, error) from error
        raise
    return client


def open_experiment(client: MlflowClient, store: TrackingStore, workspace: Workspace) -> str:
    """Find or make the experiment of a store, and give its id.

    Raises:
        StoreError: it was deleted, or keeps its artefacts where they do not belong.
    """
    found = client.get_experiment_by_name(EXPERIMENT) or _made(client, store)
    if found.lifecycle_stage != "active":
        raise StoreError(
            f"the experiment {EXPERIMENT!r} of {store.shown} was deleted; `mlflow experiments "
            f"restore --experiment-id {found.experiment_id}` brings it back"
        )
    if not is_within(found.artifact_location, store):
        raise _elsewhere(store, workspace, found.artifact_location)
    return str(found.experiment_id)


def _made(client: MlflowClient, store: TrackingStore) -> Experiment:
    place = None if store.kind == "server" else store.artefacts
    try:
        return client.get_experiment(client.create_experiment(EXPERIMENT, artifact_location=place))
    except MlflowException as error:
        found = client.get_experiment_by_name(EXPERIMENT)  # somebody else made it just now
        if found is None:
            raise error from None
        return found


def is_within(uri: str, store: TrackingStore) -> bool:
    """Whether an address that a store told us leads to where its artefacts are kept.

    A store may be written to by others; what it says decides which files are written here
    (decision 166).
    """
    told, place = urlsplit(uri), urlsplit(store.artefacts)
    path = PurePosixPath(unquote(told.path))
    same = (told.scheme, told.netloc, told.query) == (place.scheme, place.netloc, "")
    return same and ".." not in path.parts and path.is_relative_to(unquote(place.path))


def _other_version(store: TrackingStore, error: MlflowException) -> StoreError:
    return StoreError(
        f"the tables of {store.shown} are of another version of MLflow than is installed here "
        f"({str(error).split('.')[0]}). Install what infra/constraints.txt names, or follow the "
        "upgrade recipe in infra/README.md"
    )


def _refused(store: TrackingStore, error: MlflowException) -> StoreError:
    return StoreError(
        f"{store.shown} answers, and refuses what it is asked ({str(error).strip()[:300]}). Where "
        "it wants a password, put it into MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD; "
        "where it does not know itself by this name, name it to it in MLFLOW_HOSTS, as "
        "infra/README.md says"
    )


def _elsewhere(store: TrackingStore, workspace: Workspace, place: str) -> StoreError:
    if store.kind == "server":
        return StoreError(
            f"{store.shown} keeps the artefacts of {EXPERIMENT!r} in {place}, which it does not "
            "serve; start it as infra/compose.yaml does, on a database of its own"
        )
    if store.kind == "postgresql":
        return StoreError(
            f"{store.shown} keeps its artefacts in {place}, and here they are expected in "
            f"{store.artefacts}. Name the folder that all machines share in {ARTEFACTS}, or use "
            "an MLflow server, which needs none"
        )
    return StoreError(
        f"{workspace.root / 'mlflow.db'} keeps its artefacts in {place}: it was moved or "
        "copied. Put it back; or delete mlflow.db and every LOGGED file in it, then ask for the "
        "grid again, and all of it is logged anew from the disk"
    )
