"""Our own Prefect server: on loopback, up when waited for, gone with whoever started it."""

import contextlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from contextlib import closing

import psutil
import pytest

from flows.prefect_server import URL, start_server, wait_for_server
from hcfres.config.loading import ConfigError

OWNER = """
import os
from flows.prefect_server import URL, start_server, wait_for_server
start_server()
wait_for_server()
print(os.environ[URL], flush=True)
input()
"""


@pytest.fixture
def prefect_home(tmp_path):
    place = tmp_path / "prefect"
    place.mkdir()
    return place


@pytest.fixture
def damaged(prefect_home):
    """A database of Prefect's that a fault of the disk has damaged."""
    (prefect_home / "prefect.db").write_bytes(b"\0garbage" * 2000)
    (prefect_home / "prefect.db-wal").write_bytes(b"\0garbage" * 10)
    return prefect_home


@pytest.fixture
def owner(tmp_path, prefect_home):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        env={**kept, "HCFRES_HOME": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5.0) as answer:
            return answer.status == 200
    except OSError:
        return False


def silent_within(url: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while answers(url):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_the_server_answers_on_loopback_and_ends_with_its_owner(owner):
    url = owner.stdout.readline().strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/api", url)
    assert answers(url)
    foreign = urllib.request.Request(f"{url}/health", headers={"Origin": "http://elsewhere"})
    with urllib.request.urlopen(foreign) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] is None
    owner.communicate("\n", timeout=30)
    assert owner.returncode == 0
    assert not answers(url)


@pytest.mark.slow
def test_a_damaged_database_is_put_aside_and_a_new_one_begun(damaged, owner):
    url = owner.stdout.readline().strip()
    assert answers(url)
    _, said = owner.communicate("\n", timeout=30)
    (aside,) = damaged.glob("prefect.db.damaged-????????")
    assert aside.read_bytes() == b"\0garbage" * 2000
    assert (damaged / f"{aside.name}-wal").exists()
    assert said.splitlines() == [
        f"{damaged}/prefect.db was damaged (file is not a database) and is put aside as "
        f"{aside.name}; Prefect begins a new one. No result was in it"
    ]
    with closing(sqlite3.connect(damaged / "prefect.db")) as opened:
        assert opened.execute("SELECT count(*) FROM flow_run").fetchall() == [(0,)]


def wait_until_it_listens(url: str) -> None:
    address = urllib.parse.urlsplit(url)
    deadline = time.monotonic() + 10.0
    while True:
        try:
            socket.create_connection((address.hostname, address.port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        else:
            return


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_is_killed_is_replaced_and_who_asks_meanwhile_waits(owner, how):
    url = owner.stdout.readline().strip()
    for _ in range(2):
        (server,) = psutil.Process(owner.pid).children()
        server.send_signal(how)
        server.wait(10)
        if how == signal.SIGTERM:  # it shut the port; a client that is refused asks again
            wait_until_it_listens(url)
        with urllib.request.urlopen(f"{url}/health", timeout=60.0) as answer:
            assert answer.status == 200
    (server,) = psutil.Process(owner.pid).children()
    owner.communicate("\n", timeout=30)
    assert owner.returncode == 0
    assert not server.is_running()
    assert not answers(url)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_is_killed_before_it_is_up_is_replaced(owner, how):
    launcher, killed = psutil.Process(owner.pid), set()
    deadline = time.monotonic() + 30.0
    while len(killed) < 2:
        assert time.monotonic() < deadline
        for server in launcher.children():
            with contextlib.suppress(psutil.ZombieProcess):
                if server.pid not in killed and "flows.prefect_serving" in server.cmdline():
                    server.send_signal(how)
                    killed.add(server.pid)
        time.sleep(0.05)
    assert answers(owner.stdout.readline().strip())
    owner.communicate("\n", timeout=30)
    assert owner.returncode == 0


@pytest.mark.slow
def test_the_server_ends_when_its_owner_is_killed(owner):
    url = owner.stdout.readline().strip()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert silent_within(url, 10.0)


def test_a_server_of_the_users_own_is_left_alone(monkeypatch):
    monkeypatch.setenv(URL, "http://127.0.0.1:9/api")
    start_server()
    assert os.environ[URL] == "http://127.0.0.1:9/api"


def test_an_address_where_nobody_answers_is_one_error_with_the_way_out():
    with pytest.raises(ConfigError) as caught:
        wait_for_server({URL: "http://127.0.0.1:9/api"})
    told = str(caught.value)
    assert told.startswith("PREFECT_API_URL is http://127.0.0.1:9/api, and no Prefect server")
    assert "Connection refused" in told
    assert told.endswith("or leave the variable out for one of our own")


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/api", "http://127.0.0.1:99999/api"])
def test_an_address_that_is_none_is_the_same_error(url):
    with pytest.raises(ConfigError, match="no Prefect server answers there"):
        wait_for_server({URL: url})
