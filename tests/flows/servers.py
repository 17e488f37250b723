"""The servers of infra/compose.yaml as processes of this machine, without containers.

A service's own command, environment and health check are run, with the places that only
containers have replaced by loopback, a free port and a folder of the test.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.flows.compose import Service, read_compose
from tests.flows.postgres import PASSWORD, USER, PostgresServer, end_with_parent, free_port

_PATIENCE_S = 120.0
_LOOK_AGAIN_S = 0.3


@dataclass
class Server:
    """One service; it may be stopped and started again at the same address."""

    service: Service
    here: dict[str, str]
    """What of the file stands for what on this machine."""
    url: str
    folder: Path
    """Holds its artefacts, its log and its home."""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when its health check passes.

        Raises:
            RuntimeError: it ended instead, with its log.
        """
        command = self._translated(self.service.command or ())
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=self._environment(),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509  it makes one call
            )
        deadline = time.monotonic() + _PATIENCE_S
        while not self.is_healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError((self.folder / "log").read_text())
            time.sleep(_LOOK_AGAIN_S)

    def stop(self) -> None:
        """End it and the processes it started, at once."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def is_healthy(self) -> bool:
        """Run the health check."""
        kind, program, *rest = self._translated(self.service.healthcheck.test)
        if (kind, program) != ("CMD", "python"):
            raise ValueError(f"{kind} {program} is no health check that runs here")
        asked = subprocess.run([sys.executable, *rest], capture_output=True, check=False)
        return asked.returncode == 0

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        named = self.service.environment
        told = dict(zip(named, self._translated(named.values()), strict=True))
        return kept | {"HOME": str(self.folder), "OMP_NUM_THREADS": "1"} | told

    def _translated(self, words: Iterable[str]) -> list[str]:
        found = list(words)
        for there, here in self.here.items():
            found = [word.replace(there, here) for word in found]
        return found


@contextmanager
def serving(name: str, postgres: PostgresServer, folder: Path, **named: str) -> Iterator[Server]:
    """Run a service of the file on a database server of the test; it ends with the context.

    Args:
        named: variables that the file reads, beside the password.
    """
    service = read_compose({"POSTGRES_PASSWORD": PASSWORD, **named}).services[name]
    inside, port = service.ports[0].rpartition(":")[2], free_port()
    here = {
        "0.0.0.0": "127.0.0.1",
        f":{inside}/": f":{port}/",
        f"--port={inside}": f"--port={port}",
        "hcfres@postgres:5432": f"{USER}@127.0.0.1:{postgres.port}",
        "=/artefacts": f"={folder / 'artefacts'}",
    }
    server = Server(service, here, f"http://127.0.0.1:{port}", folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
