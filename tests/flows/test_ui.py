"""Where MLflow's pages are: of the embedded database, of a database elsewhere, of a server."""

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from rich.console import Console

from flows.tracking.store import TRACKING
from flows.ui import refuse_taken, serve
from hcfres.data.errors import DataError
from tests.flows.postgres import PASSWORD, free_port
from tests.flows.printed import wait_for

PATIENCE_S = 90.0


def test_of_a_server_only_its_address_is_told(stores, monkeypatch, tmp_path):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    console = Console(record=True, width=300)
    with stores.named("server"):
        address = os.environ[TRACKING]
        serve(free_port(), console)
    told = console.export_text()
    assert re.search(rf"{re.escape(address)}/#/experiments/\d+/runs\?searchFilter=", told)


def test_without_a_run_there_is_nothing_to_show(monkeypatch, tmp_path):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    monkeypatch.delenv(TRACKING, raising=False)
    with pytest.raises(DataError, match="nothing was logged in this workspace yet"):
        serve(free_port(), Console())


@pytest.mark.parametrize("port", [-1, 0, 65536, 70000, 2**40])
def test_a_port_that_there_is_not_is_refused_first(port, monkeypatch, tmp_path):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path))
    reason = rf"there is no port {port}\. Choose one from 1 to 65535 with --port"
    for refuse in (refuse_taken, lambda port: serve(port, Console())):
        with pytest.raises(DataError, match=reason):
            refuse(port)


def test_a_port_on_which_something_listens_is_in_use():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(DataError, match=rf"port {port} is in use\. Choose another"):
            refuse_taken(port)


def test_a_free_port_is_taken_and_stays_free():
    port = free_port()
    refuse_taken(port)
    refuse_taken(port)
    socket.create_server(("127.0.0.1", port)).close()


class Refusing(socket.socket):
    """A socket for which the system has no port; as root it has every one."""

    number = errno.EACCES

    def bind(self, address):
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EACCES, r"port 80 may not be opened by this user\. Choose one from 1024 on"),
        (errno.EADDRNOTAVAIL, r"port 80 cannot be opened \(Cannot assign requested address\)\. "),
    ],
)
def test_what_the_system_refuses_otherwise_is_not_called_in_use(monkeypatch, number, reason):
    monkeypatch.setattr(Refusing, "number", number)
    monkeypatch.setattr("flows.ui.socket.socket", Refusing)
    with pytest.raises(DataError, match=reason):
        refuse_taken(80)


@pytest.mark.slow
def test_pages_of_a_database_are_on_loopback_and_no_command_line_holds_its_password(
    stores, tmp_path
):
    port = free_port()
    with stores.named("postgresql"):
        told = {**os.environ, "HCFRES_HOME": str(tmp_path)}
        command = [sys.executable, "-m", "flows.cli", "ui", "--port", str(port)]
        process = subprocess.Popen(command, env=told, stdout=subprocess.PIPE, text=True)
    try:
        said = wait_for(process, "Ctrl-C ends it.")
        assert page(port, process) == 200
        lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        assert f"--port {port}" in lines.stdout
        assert PASSWORD not in lines.stdout
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert f"http://127.0.0.1:{port}/#/experiments/" in said
    assert PASSWORD not in said


def page(port, process):
    """The status of MLflow's page, once it is there."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                return answer.status
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.3)
