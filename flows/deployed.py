"""A grid as a flow with plain parameters, for a Prefect deployment: infra/prefect.yaml has one."""

import os
import subprocess
import sys

from prefect import flow, get_run_logger

from flows.places import ROOT
from flows.workers.where import Where

_OF_THIS_RUN = "PREFECT__"
"""Variables by which Prefect tells a process which run it is; the command is none."""


class GridError(RuntimeError):
    """Not everything that a deployment asked for is done; the run's log says what and why."""


@flow(name="grid")
def grid(
    experiment: str, setting: str = "rooms", seeds: str | None = None, where: Where = "local"
) -> None:
    """Ask for a table as the command line does, and log what that says.

    Args:
        experiment: a file of experiments/, by name or path.
        setting: a file of experiments/settings, by name or path.
        seeds: as 1,2,10-19; None: the setting's.
        where: the workers are, as `--on` says it.

    Raises:
        GridError: something is not done.
    """
    chosen = ["--setting", setting, "--on", where, *(["--seeds", seeds] if seeds else [])]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OF_THIS_RUN)}
    command = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "reproduce", experiment, *chosen],
        cwd=ROOT,
        env=kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with command:
        try:
            for line in command.stdout or ():
                get_run_logger().info(line.rstrip())
        except BaseException:  # the run was cancelled: what was begun goes on when asked for again
            command.terminate()
            raise
    if command.returncode:
        raise GridError(f"`hcfres reproduce {experiment}` ended with {command.returncode}")
