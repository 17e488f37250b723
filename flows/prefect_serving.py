"""Prefect's server as a program of ours: `python -m flows.prefect_serving FD OWNER UP`.

FD is the listening socket, OWNER the process with which it ends, UP a pipe that gets a byte once it
is up.
"""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import uvicorn

from flows.sqlite_damage import damage_of, put_aside
from flows.workers.orphans import end_with_parent
from hcfres.store.locks import locked

_LOCK = "server.lock"
_DATABASE = "prefect.db"


class _Server(uvicorn.Server):
    """Says that it is up before it answers anybody."""

    def __init__(self, listening: int, up: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                "prefect.server.api.server:create_app",
                factory=True,
                fd=listening,
                log_level="error",
                lifespan="on",
            )
        )
        self._up = up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, which returns with the port open, or ends the process."""
        await super().startup(sockets)
        self._up()


def _serve(listening: int, parent: int, tells: int) -> None:
    """Serve; several servers on one database come up one after the other, as each migrates it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_inheritable(tells, False)
    end_with_parent(parent)
    home = Path(os.environ["PREFECT_HOME"]).absolute()
    with contextlib.ExitStack() as alone:
        alone.enter_context(locked(home / _LOCK))
        _begin_anew_if_damaged(home / _DATABASE)
        _Server(listening, partial(_is_up, alone, tells)).run()


def _is_up(alone: contextlib.ExitStack, tells: int) -> None:
    """Free the lock and say so; where nobody is left to hear it, this process ends as well."""
    alone.close()
    with contextlib.suppress(BrokenPipeError):
        os.write(tells, b"1")


def _begin_anew_if_damaged(database: Path) -> None:
    """Put a damaged database aside, which holds no results, and say so; Prefect makes a new one."""
    if damage := damage_of(database):
        aside = put_aside(database)
        sys.stderr.write(
            f"{database} was damaged ({damage}) and is put aside as {aside.name}; Prefect begins a "
            "new one. No result was in it\n"
        )


if __name__ == "__main__":
    _serve(*map(int, sys.argv[1:]))
