"""Workers on a Ray cluster that is there already; none is ever started here."""

import logging
import os
import signal
import socket
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flows.workers.machine import asked_device, asked_workers
from flows.workers.outpost import hold
from flows.workers.ticket import Kind
from hcfres.config.loading import ConfigError

ADDRESS = "RAY_ADDRESS"
_NOTE = "ray_current_cluster"
"""The file in which Ray keeps the address of the cluster that was started on this machine."""
_PATIENCE_S = 2.0
_INSTALL = "Ray is not installed here: pip install 'hcfres[ray]'"
_START = (
    "Start one: `ray start --head` on one machine and `ray start --address=THAT_MACHINE:6379` on "
    f"each other; elsewhere than on the first, set {ADDRESS}=THAT_MACHINE:6379"
)


def find_cluster() -> str:
    """Give the address of the cluster that RAY_ADDRESS names, or else of this machine's.

    Raises:
        ConfigError: Ray is not installed, or no cluster answers; how to start one.
    """
    if find_spec("ray") is None:
        raise ConfigError(f"--on ray: {_INSTALL}")
    named = os.environ.get(ADDRESS, "auto")
    if named != "auto":
        return _answering(named, f"{ADDRESS} is {named}")
    note = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()) / "ray" / _NOTE
    if not note.is_file():
        raise ConfigError(f"--on ray: no cluster was started on this machine. {_START}")
    noted = note.read_text().strip()
    return _answering(noted, f"the cluster that was last started here had {noted}")


class RaySite:
    """One worker a GPU of the cluster, or where it has none, one a CPU.

    Raises:
        ConfigError: there is no cluster, or one that this Ray cannot join.
    """

    name = "ray"

    def __init__(self) -> None:
        import ray  # noqa: PLC0415  only where it is asked for

        _join(find_cluster())
        resources = ray.cluster_resources()
        cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
        self.kind: Kind = "cuda" if gpus and asked_device() != "cpu" else "cpu"
        there = min(cpus, gpus) if self.kind == "cuda" else cpus
        self.size = min(there, asked_workers() or there)
        if not self.size:
            ray.shutdown()
            raise ConfigError(f"--on ray: the cluster has {cpus} CPUs and {gpus} GPUs to give away")
        self.address = _address(ray.util.get_node_ip_address(), ray.nodes())
        self._hold = ray.remote(hold).options(
            num_cpus=1, num_gpus=int(self.kind == "cuda"), max_retries=0
        )

    def hire(self, ticket: str) -> "RayHire":
        """Submit one task."""
        return RayHire(self._hold.remote(ticket), self.kind)

    def close(self) -> None:
        """Leave the cluster as it was."""
        import ray  # noqa: PLC0415

        ray.shutdown()


class RayHire:
    """A task of the cluster."""

    def __init__(self, task: Any, kind: Kind) -> None:
        self._task, self._kind = task, kind

    def ended(self) -> str | None:
        """Say how it ended; None while it waits or runs."""
        import ray  # noqa: PLC0415

        if not ray.wait([self._task], timeout=0)[0]:
            return None
        try:
            ray.get(self._task)
        except Exception as error:  # whatever it was: it is told
            return str(error).strip().splitlines()[-1]
        return "it ended by itself"

    def waits_for(self) -> str:
        """Ray does not say more."""
        return f"a {'GPU' if self._kind == 'cuda' else 'CPU'} of the cluster"

    def cancel(self) -> None:
        """End it, or take it out of the queue."""
        import ray  # noqa: PLC0415

        ray.cancel(self._task, force=True)


def _join(address: str) -> None:
    """Connect, and take our own handling of SIGTERM back from Ray."""
    import ray  # noqa: PLC0415

    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError) as error:
        raise ConfigError(f"--on ray: the cluster at {address} cannot be joined: {error}") from None
    finally:
        signal.signal(signal.SIGTERM, handler)


def _answering(address: str, said: str) -> str:
    """The address, if somebody listens there.

    Raises:
        ConfigError: nobody does, or it is no address.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigError(f"--on ray: {said}: give HOST:PORT, or leave {ADDRESS} out")
    try:
        socket.create_connection((host, int(port)), _PATIENCE_S).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"--on ray: {said}, and nobody answers there ({error}). {_START}"
        ) from None
    return address


def _address(ours: str, nodes: list[dict[str, Any]]) -> str:
    """Give the address on which the launcher listens: loopback where nobody else is to call."""
    alive = {node["NodeManagerAddress"] for node in nodes if node["Alive"]}
    return "127.0.0.1" if alive <= {ours} else ours
