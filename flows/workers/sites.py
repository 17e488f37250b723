"""Where the workers of a command are: the one place that knows what `--on` leads to."""

from collections.abc import Callable

from flows.workers.machine import devices, expected_devices
from flows.workers.on_ray import RaySite, find_cluster
from flows.workers.on_slurm import SlurmSite, require_slurm
from flows.workers.pool import WorkerPool
from flows.workers.remote import Outposts
from flows.workers.where import Where
from hcfres.config.loading import ConfigError
from hcfres.store.workspace import Workspace


def require_site(on: Where, workspace: Workspace, processes: int = 1) -> None:
    """Refuse a site that cannot be used, before anything is started.

    Args:
        processes: workers that train one cell together (decision 174).

    Raises:
        ConfigError: what is missing, and what to do about it.
    """
    if on == "ray":
        find_cluster()
    elif on == "slurm":
        require_slurm(workspace)
    if on != "local" and processes > 1:
        raise ConfigError(
            f"--processes {processes} --on {on}: workers that train one cell together are of one "
            "machine. Leave one of the two out"
        )


def devices_of(on: Where, workspace: Workspace) -> tuple[str, ...]:
    """Name a device for each worker that a site would give, without asking it for any.

    Raises:
        ConfigError: as `require_site`.
    """
    if on == "local":
        return expected_devices()
    if on == "slurm":
        settings = require_slurm(workspace)
        return ("cuda:0" if settings.gpus else "cpu",) * settings.workers
    site = RaySite()
    site.close()
    return ("cuda:0" if site.kind == "cuda" else "cpu",) * site.size


def open_pool(on: Where, workspace: Workspace, say: Callable[[str], None]) -> WorkerPool:
    """Make a pool of all workers that there are; those elsewhere are asked for by its first job.

    Args:
        say: told while workers elsewhere are waited for.

    Raises:
        ConfigError: there are none.
    """
    if on == "local":
        return WorkerPool(devices())
    site = RaySite() if on == "ray" else SlurmSite(require_slurm(workspace))
    source = Outposts(site, workspace, say)
    return WorkerPool(source.slots, source=source)
