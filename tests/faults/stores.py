"""The stores that a round's runs are tracked in: each may be taken away and brought back."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg2
from mlflow.tracking import MlflowClient

from tests.faults.faults import StoreKind
from tests.flows.postgres import PostgresServer
from tests.flows.servers import Server, serving

_TEMPLATE = "mlflow_without_runs"
_AGAIN_S = 30.0
_TO_END_S = 60.0


class Service(Protocol):
    """A server of a store."""

    def take(self, how: signal.Signals) -> None:
        """End it."""

    def bring(self) -> None:
        """Start it again at the same address."""


@dataclass(frozen=True)
class Database:
    """PostgreSQL, which a store's runs are in."""

    server: PostgresServer

    def take(self, how: signal.Signals) -> None:
        """End it, SIGTERM as its container is stopped: with SIGINT, which waits for nobody."""
        self.server.stop(signal.SIGKILL if how == signal.SIGKILL else signal.SIGINT)

    def bring(self) -> None:
        """Start it; a killed one's memory is free only when its last process is gone."""
        deadline = time.monotonic() + _AGAIN_S
        while True:
            try:
                self.server.start()
                return
            except psycopg2.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)


@dataclass(frozen=True)
class Tracking:
    """MLflow's server."""

    server: Server

    def take(self, how: signal.Signals) -> None:
        """End it, and the processes that it started."""
        process, self.server.process = self.server.process, None
        if process is None:
            return
        os.killpg(process.pid, how)
        process.wait(_TO_END_S)
        with contextlib.suppress(ProcessLookupError):  # its children had the same signal
            os.killpg(process.pid, signal.SIGKILL)

    def bring(self) -> None:
        """Start it, and return when it answers."""
        self.server.start()


@dataclass(frozen=True)
class Store:
    """Where a round's runs go."""

    address: str
    """For HCFRES_TRACKING; empty: the workspace's own."""
    mlflow: Service | None = None
    database: Service | None = None

    def client(self, workspace: Path) -> MlflowClient:
        """Look into it without the code under test."""
        return MlflowClient(self.address or f"sqlite:///{workspace / 'mlflow.db'}")


class Stores:
    """Gives each round a store that nothing was tracked in."""

    def __init__(self, postgres: PostgresServer | None) -> None:
        """Begin.

        Args:
            postgres: that runs; None where there is none: then every store is embedded.
        """
        self._postgres, self._count = postgres, 0

    @contextmanager
    def open(self, kind: StoreKind, folder: Path) -> Iterator[Store]:
        """A store of a kind; its servers end with the context.

        Args:
            kind: of the store.
            folder: for an MLflow server's log and artefacts.
        """
        if kind == "embedded" or self._postgres is None:
            yield Store("")
            return
        postgres = self._postgres
        if not self._count:
            MlflowClient(postgres.create(_TEMPLATE)).search_experiments()
            postgres.freeze(_TEMPLATE)
        self._count += 1
        if kind == "postgresql":
            address = postgres.create(f"runs_{self._count}", _TEMPLATE)
            yield Store(address, database=Database(postgres))
            return
        postgres.create("mlflow", _TEMPLATE)
        with serving("mlflow", postgres, folder) as server:
            yield Store(server.url, Tracking(server), Database(postgres))
