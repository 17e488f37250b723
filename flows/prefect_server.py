"""Prefect's server on loopback, as a process of ours.

It is started before anything heavy is imported, so that it comes up meanwhile, and it ends with
the process that started it, even when that one is killed: a server of Prefect's own outlives it.
This module imports no Prefect; the server is `flows.prefect_serving`.
"""

import atexit
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

from hcfres.config.loading import ConfigError

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
_ASK_EVERY_S = 0.1
_MOST_STARTS = 20
_NOT_YET = (TimeoutError, ConnectionResetError)
"""It listens, and is not ready; or was killed, and another takes its place."""


def start_server() -> None:
    """Start a server and return at once; `wait_for_server` returns when it answers.

    Nothing is started where the environment names a server, or where Prefect is imported already
    and has read the environment: its own temporary server then serves.
    """
    if os.environ.get(URL) or "prefect" in sys.modules:
        return
    listening = socket.create_server(("127.0.0.1", 0))
    os.environ[URL] = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
    keeper = _Keeper(listening)
    atexit.register(keeper.end)


class _Keeper:
    """Keeps a server on a port of ours: where it is killed another takes its place.

    Who asks meanwhile waits, as the port listens at once. One that ended by itself before it was up
    is not begun again: what kept it from it would keep the next one.
    """

    def __init__(self, listening: socket.socket) -> None:
        self._listening, self._owner = listening, os.getpid()
        self._ending, self._turn = False, threading.Lock()
        self._process, self._hears = self._start()
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

    def _start(self) -> "tuple[subprocess.Popen[bytes], int]":
        """Start a server: its process, and a pipe with a byte in it once it is up."""
        hears, tells = os.pipe()
        port = self._listening.fileno()
        numbers = (port, self._owner, tells)
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.prefect_serving", *map(str, numbers)],
            env={**os.environ, **_OWN},
            pass_fds=[port, tells],
            start_new_session=True,  # Ctrl-C is for us; we end it
        )
        os.close(tells)
        return process, hears

    def _keep(self) -> None:
        for _ in range(_MOST_STARTS):
            was_up = self._ended()
            with self._turn:
                if self._ending:
                    return
                if not was_up and self._process.returncode >= 0:
                    break
                self._listen_again()
                self._process, self._hears = self._start()
        self._listening.close()

    def _ended(self) -> bool:
        """Wait for the server's end: whether it had been up."""
        self._process.wait()
        was_up = bool(os.read(self._hears, 1))
        os.close(self._hears)
        return was_up

    def _listen_again(self) -> None:
        """Open the port anew where a server that ended in order shut it for everybody.

        One that was killed did not: who asked meanwhile waits in its queue, and goes on waiting.
        """
        if self._listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return
        address = self._listening.getsockname()
        self._listening.close()
        self._listening = socket.create_server(address)


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
        time.sleep(_ASK_EVERY_S)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=10.0) as answer:
            return bool(answer.status == 200)
    except _NOT_YET:
        return False
    except urllib.error.URLError as error:
        if isinstance(error.reason, _NOT_YET):
            return False
        raise ConfigError(_silent(url, error.reason)) from None
    except (OSError, ValueError) as error:
        raise ConfigError(_silent(url, error)) from None


def _silent(url: str, why: object) -> str:
    return (
        f"{URL} is {url}, and no Prefect server answers there ({why}). Start one "
        "(`prefect server start`), or leave the variable out for one of our own"
    )
