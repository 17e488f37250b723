"""Workers as jobs of Slurm, through submitit."""

import os
import shutil
import socket
import stat
import sys
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from flows.workers.outpost import hold
from flows.workers.slurm_settings import SlurmSettings, slurm_settings
from flows.workers.ticket import Kind
from hcfres.config.loading import ConfigError
from hcfres.store.workspace import Workspace

_INSTALL = "submitit is not installed here: pip install 'hcfres[slurm]'"
_LAST_LINES = 5


def require_slurm(workspace: Workspace) -> SlurmSettings:
    """Read the settings, and check that jobs can be submitted from here.

    Raises:
        ConfigError: something is missing, and what to do about it.
    """
    if find_spec("submitit") is None:
        raise ConfigError(f"--on slurm: {_INSTALL}")
    settings = slurm_settings(workspace)
    if settings.cluster == "slurm" and shutil.which("sbatch") is None:
        raise ConfigError(
            "--on slurm: there is no `sbatch` here. Run this on a machine that submits jobs, or "
            'say cluster = "local" to try it without Slurm'
        )
    return settings


class SlurmSite:
    """One worker a job.

    Raises:
        ConfigError: the folder is open to others, or compute nodes could not call this machine.
    """

    name = "slurm"

    def __init__(self, settings: SlurmSettings) -> None:
        import submitit  # noqa: PLC0415  only where it is asked for

        self.size = settings.workers
        self.kind: Kind = "cuda" if settings.gpus else "cpu"
        self.address = _address(settings)
        folder = _own_folder(settings.folder.expanduser())
        self._executor = submitit.AutoExecutor(folder, cluster=settings.cluster)
        self._executor.update_parameters(**_asked(settings))

    def hire(self, ticket: str) -> "SlurmHire":
        """Submit one job."""
        return SlurmHire(self._executor.submit(_hold_and_go, ticket))

    def close(self) -> None:
        """Nothing is held open."""


class SlurmHire:
    """A job."""

    def __init__(self, job: Any) -> None:
        self._job = job

    def ended(self) -> str | None:
        """Say how it ended; None while it waits or runs."""
        if not self._job.done():
            return None
        log = (self._job.stderr() or "").strip().splitlines()[-_LAST_LINES:]
        return "\n  ".join((f"job {self._job.job_id} ended, {self._job.state}", *log))

    def waits_for(self) -> str:
        """As of Slurm's last answer, which is asked for every ten minutes."""
        return f"job {self._job.job_id} ({self._job.state})"

    def cancel(self) -> None:
        """End it, or take it out of the queue, and take its files away."""
        if not self._job.done():
            self._job.cancel(check=False)
        paths = self._job.paths
        for path in (paths.submitted_pickle, paths.result_pickle, paths.submission_file):
            path.unlink(missing_ok=True)


def _hold_and_go(ticket: str) -> None:
    """Hold a worker, and end there: a job's result is a file, which nobody would take away."""
    hold(ticket)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def _asked(settings: SlurmSettings) -> dict[str, Any]:
    """What submitit calls them."""
    return {
        "name": "hcfres",
        "timeout_min": max(1, round(settings.hours * 60)),
        "gpus_per_node": settings.gpus or None,
        "cpus_per_task": settings.cpus,
        "mem_gb": settings.memory_gb,
        "slurm_partition": settings.partition,
        "slurm_account": settings.account,
        "slurm_additional_parameters": settings.sbatch or None,
    }


def _own_folder(folder: Path) -> Path:
    """Make the folder; jobs run what lies there, so others may not write to it (decision 175).

    Raises:
        ConfigError: others may, it is another user's, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.stat()
    except OSError as error:
        raise ConfigError(f"--on slurm: folder {folder} cannot be made ({error})") from None
    if found.st_uid != os.geteuid():
        raise ConfigError(
            f"--on slurm: folder {folder} belongs to another user ({found.st_uid}), and jobs run "
            "what lies in it: name one of your own"
        )
    if stat.S_IMODE(found.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            f"--on slurm: folder {folder} is open to other users, and jobs run what lies in it: "
            f"name another, or `chmod 700 {folder}`"
        )
    return folder


def _address(settings: SlurmSettings) -> str:
    """Give the address on which the launcher listens: loopback where nobody else is to call."""
    if settings.cluster == "local":
        return "127.0.0.1"
    host = settings.address or socket.gethostname()
    try:
        found = socket.gethostbyname(host)
    except OSError as error:
        raise ConfigError(f"--on slurm: {host} is no address ({error}): give `address`") from None
    if ip_address(found).is_loopback:
        raise ConfigError(
            f"--on slurm: {host} is {found}, which no other machine reaches: give `address`"
        )
    return found
