"""Prefect's server on loopback, as a process of ours.

It is started before anything heavy is imported, so that it comes up meanwhile, and it ends with
the process that started it, even when that one is killed: a server of Prefect's own outlives it.
This module imports no Prefect; run as a program, it is the server.
"""

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flows.sqlite_damage import damage_of, put_aside
from flows.workers.orphans import end_with_parent
from hcfres.config.loading import ConfigError
from hcfres.store.locks import locked

if TYPE_CHECKING:
    import uvicorn

URL = "PREFECT_API_URL"
"""Names a server of the user's own; that one is used as it is."""
_OWN = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "http://127.0.0.1",
}
"""No page is its own, and so it lets no page of anybody's ask it; `*` is Prefect's default."""
_PATIENCE_S = 120.0
_ENDING_S = 2.0
_LOOK_EVERY_S = 0.1
_MOST_STARTS = 20
_LOCK = "server.lock"
_DATABASE = "prefect.db"


def start_server() -> None:
    """Start a server and return at once; `wait_for_server` returns when it answers.

    Nothing is started where the environment names a server, or where Prefect is imported already
    and has read the environment: its own temporary server then serves.
    """
    if os.environ.get(URL) or "prefect" in sys.modules:
        return
    listening = socket.create_server(("127.0.0.1", 0))
    os.environ[URL] = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
    keeper = _Keeper(listening, os.environ[URL])
    atexit.register(keeper.end)


class _Keeper:
    """Keeps a server on a port of ours: where it is killed another takes its place.

    Who asks meanwhile waits, as the port listens at once. One that never answered is not begun
    again: what kept it from it would keep the next one.
    """

    def __init__(self, listening: socket.socket, url: str) -> None:
        self._listening, self._url, self._owner = listening, url, os.getpid()
        self._ending, self._turn = False, threading.Lock()
        self._process = self._start()
        threading.Thread(target=self._keep, name="server's keeper", daemon=True).start()

    def end(self) -> None:
        """End the server with the process that started it; a fork of that one leaves it alone."""
        if os.getpid() != self._owner:
            return
        with self._turn:
            self._ending = True
            self._listening.close()
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", __name__, str(self._listening.fileno()), str(self._owner)],
            env={**os.environ, **_OWN},
            pass_fds=[self._listening.fileno()],
            start_new_session=True,  # Ctrl-C is for us; we end it
        )

    def _keep(self) -> None:
        for _ in range(_MOST_STARTS):
            if not self._comes_up():
                break
            self._process.wait()
            with self._turn:
                if self._ending:
                    return
                self._listen_again()
                self._process = self._start()
        self._listening.close()

    def _listen_again(self) -> None:
        """Open the port anew where a server that ended in order shut it for everybody.

        One that was killed did not: who asked meanwhile waits in its queue, and goes on waiting.
        """
        if self._listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return
        address = self._listening.getsockname()
        self._listening.close()
        self._listening = socket.create_server(address)

    def _comes_up(self) -> bool:
        """Wait until the server answers; False where it ends before."""
        while self._process.poll() is None and not self._ending:
            with contextlib.suppress(ConfigError):
                if _answers(self._url):
                    return True
            time.sleep(_LOOK_EVERY_S)
        return False


def wait_for_server(environment: Mapping[str, str] = os.environ) -> None:
    """Return when the server that the environment names answers.

    Raises:
        ConfigError: it does not, and what to do about it.
    """
    url = environment.get(URL)
    if not url:
        return
    deadline = time.monotonic() + _PATIENCE_S
    while not _answers(url):
        if time.monotonic() > deadline:
            raise ConfigError(_silent(url, f"not within {_PATIENCE_S:.0f} s"))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=10.0) as answer:
            return bool(answer.status == 200)
    except TimeoutError:
        return False  # it listens, and is not ready yet
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            return False
        raise ConfigError(_silent(url, error.reason)) from None
    except (OSError, ValueError) as error:
        raise ConfigError(_silent(url, error)) from None


def _silent(url: str, why: object) -> str:
    return (
        f"{URL} is {url}, and no Prefect server answers there ({why}). Start one "
        "(`prefect server start`), or leave the variable out for one of our own"
    )


def _serve(listening: int, parent: int) -> None:
    """Serve; several servers on one database come up one after the other, as each migrates it."""
    import uvicorn  # noqa: PLC0415  only the server's process serves

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent)
    server = uvicorn.Server(
        uvicorn.Config(
            "prefect.server.api.server:create_app",
            factory=True,
            fd=listening,
            log_level="error",
            lifespan="on",
        )
    )
    home = Path(os.environ["PREFECT_HOME"]).absolute()
    with contextlib.ExitStack() as alone:
        alone.enter_context(locked(home / _LOCK))
        _begin_anew_if_damaged(home / _DATABASE)
        threading.Thread(target=_let_others_in, args=(server, alone), daemon=True).start()
        server.run()


def _begin_anew_if_damaged(database: Path) -> None:
    """Put a damaged database aside, which holds no results, and say so; Prefect makes a new one."""
    if damage := damage_of(database):
        aside = put_aside(database)
        sys.stderr.write(
            f"{database} was damaged ({damage}) and is put aside as {aside.name}; Prefect begins a "
            "new one. No result was in it\n"
        )


def _let_others_in(server: "uvicorn.Server", alone: contextlib.ExitStack) -> None:
    """Free the lock once the server is up."""
    while not server.started:
        time.sleep(_LOOK_EVERY_S)
    alone.close()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]))
