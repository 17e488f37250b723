"""The same small grid here, on a Ray cluster, and in submitit's jobs: the same tables."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.flows.postgres import end_with_parent, free_port
from tests.flows.test_reproduce import GRID, HCFRES, MEASURED, ROOT, environment, run

pytestmark = pytest.mark.slow

SLURM = """
cluster   = "local"
workers   = 2
gpus      = 0
cpus      = 1
memory_gb = 4.0
hours     = 1.0
folder    = "{folder}"
"""
_UP_S, _DOWN_S = 180.0, 20.0
Site = tuple[str, dict[str, str]]


@pytest.fixture(scope="module")
def near(tmp_path_factory) -> Path:
    """The grid's workspace on this machine."""
    workspace = tmp_path_factory.mktemp("near") / "workspace"
    run(workspace, *GRID)
    return workspace


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[str]:
    """A cluster of two processors, of which nothing is left afterwards."""
    pytest.importorskip("ray", reason="Ray is not installed")
    folder = tempfile.mkdtemp(prefix="ray")  # a short path: sockets lie in it
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
            *("--node-ip-address=127.0.0.1", f"--port={address.rpartition(':')[2]}"),
            *("--num-cpus=2", "--num-gpus=0", "--include-dashboard=false"),
            *(f"--temp-dir={folder}", "--disable-usage-stats"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=partial(end_with_parent, signal.SIGTERM),  # noqa: PLW1509  it makes one call
    )
    family = [psutil.Process(process.pid)]
    try:
        deadline = time.monotonic() + _UP_S
        while not is_up(address):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.5)
        yield address
        family += family[0].children(recursive=True)
    finally:
        process.terminate()
        _, left = psutil.wait_procs(family, _DOWN_S)
        for one in left:
            one.kill()
        process.wait()
        shutil.rmtree(folder)


def is_up(address: str) -> bool:
    asked = [sys.executable, "-m", "ray.scripts.scripts", "status", "--address", address]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module", params=["ray", "slurm"])
def site(request, tmp_path_factory) -> Site:
    """An answer to --on, and the environment that goes with it."""
    if request.param == "ray":
        return "ray", {"RAY_ADDRESS": request.getfixturevalue("ray_cluster")}
    pytest.importorskip("submitit", reason="submitit is not installed")
    folder = tmp_path_factory.mktemp("submitit")
    folder.chmod(0o700)
    (folder / "slurm.toml").write_text(SLURM.format(folder=folder / "jobs"))
    return "slurm", {"HCFRES_SLURM": str(folder / "slurm.toml")}


@contextmanager
def begun(site: Site, workspace: Path, near: Path) -> Iterator[subprocess.Popen[str]]:
    """The grid at a site; it ends with the context."""
    shutil.copytree(near / "data", workspace / "data")
    on, chosen = site
    command = subprocess.Popen(
        [*HCFRES, *GRID, "--on", on],
        env=environment(workspace) | chosen,
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield command
    finally:
        command.kill()
        command.wait()


def workers_of(workspace: Path) -> list[int]:
    """Every worker process that was ever given a job, by the logs."""
    logs = "".join(path.read_text() for path in workspace.glob("*/*/worker.log"))
    return [int(number) for number in re.findall(r"begins on .*, process (\d+):", logs)]


def first_worker(workspace: Path) -> int:
    deadline = time.monotonic() + _UP_S
    while not (found := workers_of(workspace)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found[0]


def are_gone(workers: list[int]) -> bool:
    there = [psutil.Process(one) for one in workers if psutil.pid_exists(one)]
    _, left = psutil.wait_procs(there, 3.0)
    return not left


def metrics(workspace: Path) -> dict[str, dict[str, float]]:
    """Of every cell, times apart."""
    return {
        path.parent.name: {
            name: value
            for name, value in json.loads(path.read_text())["metrics"].items()
            if name.partition("/")[0] in MEASURED
        }
        for path in workspace.glob("cells/*/results.json")
    }


def test_a_worker_killed_in_mid_scene_changes_no_table(site, near, tmp_path):
    workspace = tmp_path / "workspace"
    with begun(site, workspace, near) as command:
        os.kill(first_worker(workspace), signal.SIGKILL)
        told, _ = command.communicate()
    assert command.returncode == 0, told
    assert re.search(
        r"superpoints of \w+, again after: the worker on .* cpu died .*: killed by signal 9", told
    )
    table = Path("reports", "smoke", "table3.md")
    assert (workspace / table).read_text() == (near / table).read_text()
    assert metrics(workspace) == metrics(near)
    assert are_gone(workers_of(workspace))


def test_ctrl_c_gives_the_prompt_back_and_leaves_no_worker(site, near, tmp_path):
    workspace = tmp_path / "workspace"
    with begun(site, workspace, near) as command:
        first_worker(workspace)
        began = time.monotonic()
        command.send_signal(signal.SIGINT)
        told, _ = command.communicate()
    assert time.monotonic() - began < 5.0
    assert command.returncode == 130, told
    assert are_gone(workers_of(workspace))


def test_a_launcher_killed_leaves_no_worker(site, near, tmp_path):
    workspace = tmp_path / "workspace"
    with begun(site, workspace, near) as command:
        first_worker(workspace)
        command.kill()
        command.communicate()
    assert are_gone(workers_of(workspace))
