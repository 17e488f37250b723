"""A flow keeps all workers busy, however many there are."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
WORKERS = 100
SCRIPT = """
import threading
from flows import make_home
from flows.prefect_server import start_server

make_home()
start_server()

from prefect import flow, task
from rich.console import Console
from flows.scenes import outcomes_of, waiting_threads
from flows.session import open_session
from hcfres.store.workspace import Workspace

others = threading.Barrier({workers})

@task
def job(number):
    others.wait(60.0)
    return number

@flow(validate_parameters=False, task_runner=waiting_threads())
def jobs(session):
    return outcomes_of(job.submit, range({workers}), session, lambda: None)

@flow(validate_parameters=False, task_runner=waiting_threads())
def whole(session):
    return jobs(session)

with open_session(Workspace(), Console()) as session:
    print(sum(whole(session)))
"""


def test_as_many_jobs_run_at_once_as_there_are_workers(tmp_path):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "HCFRES_"))}
    own = {"HCFRES_HOME": str(tmp_path), "HCFRES_WORKERS": str(WORKERS), "HCFRES_DEVICE": "cpu"}
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(workers=WORKERS)],
        env=kept | own,
        text=True,
        capture_output=True,
        check=False,
    )
    assert told.stdout.splitlines()[-1:] == [str(sum(range(WORKERS)))], told.stderr[-2000:]
