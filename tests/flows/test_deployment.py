"""The example of a Prefect deployment, against the Prefect that is installed."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from prefect.flows import load_flow_from_entrypoint

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "infra" / "prefect.yaml"
OWNER = """
import os
from flows.prefect_server import URL, start_server, wait_for_server
start_server()
wait_for_server()
print(os.environ[URL], flush=True)
input()
"""


@dataclass(frozen=True)
class Team:
    """A Prefect server on loopback, and the environment of its clients."""

    url: str
    environment: dict[str, str]

    def prefect(self, *arguments: str) -> str:
        asked = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            env=self.environment,
            cwd=ROOT,
            text=True,
            capture_output=True,
            check=False,
        )
        assert asked.returncode == 0, asked.stdout + asked.stderr
        return asked.stdout

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(f"{self.url}/{path}", timeout=10.0) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def team(tmp_path_factory) -> Iterator[Team]:
    home = tmp_path_factory.mktemp("team")
    (home / "prefect").mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    chosen = kept | {"HCFRES_HOME": str(home), "HCFRES_WORKERS": "2"}
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        env=chosen,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    url = owner.stdout.readline().strip()
    settings = {"PREFECT_API_URL": url, "PREFECT_HOME": str(home / "prefect")}
    try:
        yield Team(url, chosen | settings | {"DO_NOT_TRACK": "true"})
    finally:
        owner.kill()
        owner.wait()


@pytest.fixture(scope="module")
def deployed(team) -> Team:
    team.prefect("work-pool", "create", "hcfres", "--type", "process")
    team.prefect("--no-prompt", "deploy", "--all", "--prefect-file", str(EXAMPLE))
    return team


def test_the_entrypoint_is_a_flow_that_takes_what_the_example_gives():
    (deployment,) = yaml.safe_load(EXAMPLE.read_text())["deployments"]
    flow = load_flow_from_entrypoint(str(ROOT / deployment["entrypoint"]))
    assert flow.name == "grid"
    taken = flow.validate_parameters(deployment["parameters"])
    assert taken == deployment["parameters"] | {"seeds": None}


@pytest.mark.slow
def test_the_server_has_the_deployment_with_its_schedule_and_where_the_code_is(deployed):
    found = deployed.get("deployments/name/grid/table3")
    assert found["entrypoint"] == "flows/deployed.py:grid"
    assert found["parameters"]["experiment"] == "table3_ablation"
    assert found["work_pool_name"] == "hcfres"
    assert [one["schedule"]["cron"] for one in found["schedules"]] == ["0 18 * * 5"]
    (step,) = found["pull_steps"]
    assert step["prefect.deployments.steps.set_working_directory"]["directory"] == str(ROOT)


@pytest.mark.slow
def test_asked_for_it_makes_the_table(deployed, tmp_path_factory):
    asked = ("--param", "setting=smoke", "--param", "seeds=1999-1999")
    deployed.prefect("deployment", "run", "grid/table3", *asked)
    deployed.prefect("worker", "start", "--pool", "hcfres", "--run-once")
    home = Path(deployed.environment["HCFRES_HOME"])
    deadline = time.monotonic() + 300.0
    while not (found := list(home.glob("reports/smoke/table3.md"))):
        assert time.monotonic() < deadline
        time.sleep(1.0)
    assert found[0].read_text().count("ours, smoke") == 4
