"""Who is believed on a line, and who is not."""

import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from flows.workers.line import call

CHALLENGE, WELCOME = b"#CHALLENGE#", b"#WELCOME#"  # as `multiprocessing.connection` has them
SECRET = secrets.token_bytes(32)


class Mark:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


class Outpost(threading.Thread):
    """Calls a door that need not be its launcher's, and takes what comes from there."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.came: object = None
        self.start()

    def run(self) -> None:
        try:
            self.came = call("127.0.0.1", self.port, SECRET, "greeting").recv()
        except Exception as error:
            self.came = error


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A stranger's, on the port that the launcher had."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def one_calls(server: socket.socket) -> tuple[Outpost, Connection]:
    outpost = Outpost(server.getsockname()[1])
    return outpost, Connection(server.accept()[0].detach())


def challenge_of(line: Connection) -> bytes:
    """What the other end asks, whatever it says before."""
    while not (said := line.recv_bytes()).startswith(CHALLENGE):
        pass
    return said


def last_said(line: Connection) -> bytes:
    said = b""
    while line.poll(0.5):
        said = line.recv_bytes()
    return said


def welcome(line: Connection) -> bytes:
    """Believe whatever the other end answers; what it asks then."""
    line.send_bytes(CHALLENGE + os.urandom(20))
    line.send_bytes(WELCOME)
    return challenge_of(line)


def test_a_stranger_who_lets_one_outpost_answer_another_is_not_believed(server, tmp_path):
    one, line = one_calls(server)
    _, its_line = one_calls(server)
    its_line.send_bytes(welcome(line))
    answer = last_said(its_line)
    assert len(answer) == 16  # the other one did answer
    line.send_bytes(answer)
    with suppress(BrokenPipeError):  # it hung up
        line.send(Mark(tmp_path / "was here"))
    one.join(10.0)
    assert isinstance(one.came, AuthenticationError)
    assert not list(tmp_path.iterdir())


def test_a_stranger_who_asks_nothing_is_not_believed(server, tmp_path):
    outpost, line = one_calls(server)
    line.send(Mark(tmp_path / "was here"))
    outpost.join(10.0)
    assert isinstance(outpost.came, AuthenticationError)
    assert not list(tmp_path.iterdir())
