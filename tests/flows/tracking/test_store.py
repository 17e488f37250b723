"""Which store the environment names, what of it is told, and what is refused."""

import socket

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from flows.tracking.opening import is_within
from flows.tracking.store import embedded_store, require_tracking, silence, store_at, tracking_store
from hcfres.config.loading import ConfigError
from hcfres.store.workspace import Workspace
from tests.flows.postgres import PASSWORD, QUOTED, free_port

POSTGRES = f"postgresql+psycopg2://team:{QUOTED}@db.lan:5432/mlflow?sslmode=require"


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace")


def refusal(address, workspace, **more):
    environment = {"HCFRES_TRACKING": address, **more}
    with pytest.raises(ConfigError) as caught:
        tracking_store(workspace, environment)
    if not more:
        with pytest.raises(ConfigError, match="HCFRES_TRACKING"):
            require_tracking(environment)
    return str(caught.value)


@pytest.mark.parametrize("environment", [{}, {"HCFRES_TRACKING": ""}])
def test_by_default_runs_are_tracked_in_the_workspace(workspace, environment):
    store = tracking_store(workspace, environment)
    assert store == embedded_store(workspace)
    assert store.uri == f"sqlite:///{workspace.root}/mlflow.db"
    assert store.shown == f"embedded ({workspace.root}/mlflow.db)"
    assert (store.mark, store.is_shared, silence(store)) == ("", False, "")


def test_mlflows_own_variable_decides_nothing(workspace):
    environment = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"}
    assert tracking_store(workspace, environment).kind == "embedded"


def test_of_a_database_neither_user_nor_password_nor_options_are_shown(workspace):
    store = store_at(POSTGRES, workspace, {})
    assert (store.kind, make_url(store.uri).password) == ("postgresql", PASSWORD)
    assert store.shown == store.mark == "postgresql+psycopg2://db.lan:5432/mlflow"
    assert store.artefacts == f"file://{workspace.root}/mlartifacts"


def test_a_database_that_never_answers_is_given_up_as_the_address_says_or_in_ten_seconds(workspace):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"postgresql+psycopg2://team@127.0.0.1:{mute.getsockname()[1]}/mlflow"
        options = make_url(store_at(address, workspace, {}).uri).query
        assert (options["connect_timeout"], options["keepalives_idle"]) == ("10", "30")
        store = store_at(f"{address}?connect_timeout=2", workspace, {})
        assert "no answer for 2 s" in silence(store)
        with pytest.raises(OperationalError, match="no answer for 2 s"):
            create_engine(store.uri).connect()


def test_machines_may_share_the_folder_of_a_databases_artefacts(workspace, tmp_path):
    store = store_at(POSTGRES, workspace, {"HCFRES_ARTEFACTS": str(tmp_path)})
    assert store.artefacts == f"file://{tmp_path}"
    told = refusal(POSTGRES, workspace, HCFRES_ARTEFACTS="shared")
    assert told == "HCFRES_ARTEFACTS is 'shared': name the folder from / on"


def test_a_server_keeps_its_artefacts_itself(workspace):
    store = store_at("https://mlflow.lan/team/", workspace, {"HCFRES_ARTEFACTS": "/elsewhere"})
    assert (store.kind, store.uri) == ("server", "https://mlflow.lan/team")
    assert store.artefacts == "mlflow-artifacts:/"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://db/x", "the driver is missing. Write postgresql+psycopg2://..."),
        ("postgres://db/x", "the driver is missing. Write postgresql+psycopg2://..."),
        ("postgresql+psycopg2://db:5432/", "the database is missing"),
        ("mysql+pymysql://db/x", "no place that runs can be tracked in"),
        ("sqlite:////tmp/x.db", "no place that runs can be tracked in"),
        ("/tmp/mlruns", "no place that runs can be tracked in"),
        ("http://", "no place that runs can be tracked in"),
        ("http://host?token=1", "has neither a user nor options"),
        ("http://host:port", "HCFRES_TRACKING is no address. Give postgresql+psycopg2://"),
        ("http://[::1", "HCFRES_TRACKING is no address. Give postgresql+psycopg2://"),
    ],
)
def test_an_address_that_will_not_do_is_refused_with_what_would(workspace, address, said):
    assert said in refusal(address, workspace)


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://team:{QUOTED}@db/mlflow",
        f"postgresql+psycopg2://team:{PASSWORD}@db/mlflow",
        "postgresql+psycopg2://team:12/cret@db/mlflow",
        f"mysql://team:{PASSWORD}@db:x/mlflow",
        f"http://team:{PASSWORD}@host",
        f"http://team:{QUOTED}@host",
        f"team:{PASSWORD}",
        f"postgresql+psycopg2://db?password={QUOTED}",
    ],
)
def test_no_refusal_repeats_a_password(workspace, address):
    told = refusal(address, workspace)
    assert "cret" not in told


def test_a_port_where_nobody_listens_is_silent(workspace):
    port = free_port()
    for address in (f"http://127.0.0.1:{port}", f"postgresql+psycopg2://u:p@127.0.0.1:{port}/x"):
        assert "refused" in silence(store_at(address, workspace, {}))


def test_a_database_that_refuses_the_password_is_silent_and_keeps_it_secret(workspace, postgres):
    wrong = postgres.url("postgres").replace(QUOTED, "wr0ng")
    told = silence(store_at(wrong, workspace, {}))
    assert "password authentication failed" in told
    assert "wr0ng" not in told
    assert silence(store_at(postgres.url("postgres"), workspace, {})) == ""


def test_what_answers_but_is_not_mlflow_is_named(workspace, postgres):
    assert silence(store_at(f"http://127.0.0.1:{postgres.port}", workspace, {}))


@pytest.mark.parametrize(
    ("uri", "within"),
    [
        ("file:///w/mlartifacts", True),
        ("file:///w/mlartifacts/ab/artifacts", True),
        ("file:///w/mlartifacts2/ab", False),
        ("file:///w/mlartifacts/../../etc", False),
        ("file:///w/mlartifacts/%2e%2e/%2e%2e/etc", False),
        ("file:///etc", False),
        ("file://host/w/mlartifacts/ab", False),
        ("/w/mlartifacts/ab", False),
        ("s3://bucket/w/mlartifacts", False),
        ("mlflow-artifacts:/1", False),
    ],
)
def test_artefacts_of_a_database_stay_in_their_folder(uri, within):
    store = store_at(POSTGRES, Workspace(), {"HCFRES_ARTEFACTS": "/w/mlartifacts"})
    assert is_within(uri, store) is within


@pytest.mark.parametrize(
    ("uri", "within"),
    [
        ("mlflow-artifacts:/1/ab/artifacts", True),
        ("mlflow-artifacts:/1/../../etc", False),
        ("mlflow-artifacts://elsewhere:80/1", False),
        ("mlflow-artifacts:/1?host=elsewhere", False),
        ("file:///home/me/.ssh", False),
        ("http://elsewhere/1", False),
    ],
)
def test_artefacts_of_a_server_go_to_that_server(uri, within):
    store = store_at("http://127.0.0.1:5000", Workspace(), {})
    assert is_within(uri, store) is within
