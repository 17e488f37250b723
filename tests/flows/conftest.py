"""Stores that runs are tracked in: the embedded one, a real PostgreSQL, a real MLflow server."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from flows.tracking.store import TRACKING
from tests.flows.postgres import NONE_HERE, PostgresServer, programs, running
from tests.flows.servers import Server, serving

KINDS = ("embedded", "postgresql", pytest.param("server", marks=pytest.mark.slow))
_EMPTY = "mlflow_without_runs"


def _a_postgres() -> Iterator[PostgresServer]:
    found = programs()
    if found is None:
        pytest.skip(NONE_HERE)
    with running(found) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for all tests that do not stop it."""
    yield from _a_postgres()


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that the tests of one file may stop."""
    yield from _a_postgres()


@pytest.fixture(scope="session")
def mlflow_tables(postgres: PostgresServer) -> str:
    """Name a database with MLflow's tables and nothing in them, to copy."""
    MlflowClient(postgres.create(_EMPTY)).search_experiments()
    postgres.freeze(_EMPTY)
    return _EMPTY


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded database with MLflow's tables and nothing in them, to copy."""
    path = tmp_path_factory.mktemp("embedded") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session")
def mlflow_server(
    postgres: PostgresServer, mlflow_tables: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """MLflow's server, as infra/compose.yaml starts it."""
    postgres.create("mlflow", mlflow_tables)
    with serving("mlflow", postgres, tmp_path_factory.mktemp("mlflow")) as server:
        yield server


class Stores:
    """Gives stores that nothing was logged in."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request, self._numbers = request, itertools.count()

    def fresh(self, kind: str) -> str:
        """The address of an empty store of a kind, for HCFRES_TRACKING; "" of the embedded one."""
        if kind == "embedded":
            return ""
        if kind == "postgresql":
            tables = self._request.getfixturevalue("mlflow_tables")
            postgres = self._request.getfixturevalue("postgres")
            return str(postgres.create(f"runs_{next(self._numbers)}", tables))
        url = self._request.getfixturevalue("mlflow_server").url
        client = MlflowClient(url)
        for found in client.search_experiments(filter_string="name != 'Default'"):
            client.rename_experiment(found.experiment_id, f"before {next(self._numbers)}")
            client.delete_experiment(found.experiment_id)
        return str(url)

    @contextmanager
    def named(self, kind: str) -> Iterator[None]:
        """Let the environment name an empty store of a kind."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(TRACKING, self.fresh(kind))
            yield


@pytest.fixture(scope="session")
def stores(request: pytest.FixtureRequest) -> Stores:
    """Stores of every kind, each made when it is first asked for."""
    return Stores(request)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, stores: Stores) -> Iterator[str]:
    """An empty store of each kind in turn, which the environment names."""
    with stores.named(request.param):
        yield request.param


@pytest.fixture(scope="module", params=KINDS)
def module_store(request: pytest.FixtureRequest, stores: Stores) -> Iterator[str]:
    """The same for a whole module of tests."""
    with stores.named(request.param):
        yield request.param
