"""What is asked of Slurm for each worker, as a file of the user's."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from hcfres.config.base import Config, Positive, PositiveFloat
from hcfres.config.loading import ConfigError, load
from hcfres.store.workspace import Workspace

FILE, NAMED = "slurm.toml", "HCFRES_SLURM"
EXAMPLE = "infra/slurm.toml"
_OWN = {"job_name", "output", "error", "time", "mem", "cpus_per_task", "gpus_per_node", "partition"}
_OWN |= {"account", "signal", "nodes", "ntasks_per_node", "open_mode"}


class SlurmSettings(Config):
    """A job for each worker, which ends with the launcher."""

    cluster: Literal["slurm", "local"]
    """`local`: processes of this machine without a queue, to try the file."""
    workers: Positive
    """Jobs at once."""
    gpus: Literal[0, 1]
    """Of a job: a worker computes on one GPU, or on the processor."""
    cpus: Positive
    memory_gb: PositiveFloat
    hours: PositiveFloat
    """After so long Slurm ends a job; what it was at goes on in another."""
    folder: Path
    """For submitit's files: the same on every machine, and closed to other users."""
    partition: str | None = None
    account: str | None = None
    address: str | None = None
    """Of this machine, as the compute nodes reach it; left out: what its host name stands for."""
    sbatch: dict[str, str | int | bool] = Field(default_factory=dict)
    """Further options of sbatch, without dashes, as `constraint`."""

    @model_validator(mode="after")
    def _nothing_twice(self) -> "SlurmSettings":
        if twice := sorted(_OWN & {name.replace("-", "_") for name in self.sbatch}):
            raise ValueError(f"`sbatch` may not hold {', '.join(twice)}: other keys decide these")
        return self


def settings_file(workspace: Workspace) -> Path:
    """Give the file that HCFRES_SLURM names, or else `slurm.toml` of the workspace."""
    named = os.environ.get(NAMED)
    return Path(named).expanduser() if named else workspace.root / FILE


def slurm_settings(workspace: Workspace) -> SlurmSettings:
    """Read the settings.

    Raises:
        ConfigError: there is none, or it is wrong; where an example is.
    """
    path = settings_file(workspace)
    if not path.exists():
        raise ConfigError(
            f"--on slurm: there is no {path}. Copy {EXAMPLE} there and change what it asks for, "
            f"or name another file with {NAMED}"
        )
    return load(path, SlurmSettings)
