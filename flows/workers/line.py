"""Lines between machines: a socket on which both ends have shown that they know one secret."""

import contextlib
import hmac
import os
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, answer_challenge, deliver_challenge

_INTRODUCTION_S = 10
"""For a caller to show that it knows the secret and to say who it is."""
_SILENT_S = 60
"""After so long without a sign of the other machine itself the system gives a line up."""
_TRY_AGAIN_S = 1.0
_CALLERS = 256
_NONCE_BYTES = 32


class Door:
    """Listens on one address of this machine, lets in who knows the secret, and hangs up on others.

    Args:
        host: the address.
        secret: a random one of this door alone.
        received: takes each line and what the caller said first, in a thread of its own.
    """

    def __init__(
        self, host: str, secret: bytes, received: Callable[[Connection, object], None]
    ) -> None:
        self._secret, self._received = secret, received
        self._server = socket.create_server((host, 0), backlog=_CALLERS)
        self._closed = threading.Event()
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._listen, name="door", daemon=True).start()

    def close(self) -> None:
        """Listen no more; lines that are open stay so."""
        self._closed.set()
        with contextlib.suppress(OSError):  # wakes whoever listens
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                caller, _ = self._server.accept()
            except OSError:  # closed, or for the moment no more files may be open
                time.sleep(_TRY_AGAIN_S)
                continue
            line = Connection(caller.detach())
            threading.Thread(target=self._let_in, args=(line,), daemon=True).start()

    def _let_in(self, line: Connection) -> None:
        try:
            _wait_at_most(line, _INTRODUCTION_S)
            callers, ours = _keys(self._secret, line.recv_bytes(_NONCE_BYTES))
            deliver_challenge(line, callers)
            answer_challenge(line, ours)
            said = line.recv()
            _wait_at_most(line, 0)
            _notice_silence(line)
        except (AuthenticationError, AssertionError, EOFError, OSError):
            line.close()  # whoever that was
            return
        self._received(line, said)


def call(host: str, port: int, secret: bytes, said: object) -> Connection:
    """Call a door, and say something first.

    Raises:
        OSError: nobody listens there.
        AuthenticationError: somebody else does.
    """
    line: Connection = Client((host, port))
    nonce = secrets.token_bytes(_NONCE_BYTES)
    ours, doors = _keys(secret, nonce)
    line.send_bytes(nonce)
    try:
        answer_challenge(line, ours)
        deliver_challenge(line, doors)
    except AssertionError as error:  # what it said is no challenge
        raise AuthenticationError(str(error)) from None
    _notice_silence(line)
    line.send(said)
    return line


def hang_up(line: Connection) -> None:
    """End a line, also for a thread that waits for something to come over it."""
    with contextlib.suppress(OSError), _socket_of(line) as ours:
        ours.shutdown(socket.SHUT_RDWR)


def _keys(secret: bytes, nonce: bytes) -> tuple[bytes, bytes]:
    """The keys of a caller's answers and of the door's, to this caller alone.

    What an outpost is made to answer serves neither in the launcher's place nor in another's.
    """
    callers, doors = (hmac.digest(secret, end + nonce, "sha256") for end in (b"caller", b"door"))
    return callers, doors


def _notice_silence(line: Connection) -> None:
    """Let the line break when the other machine is gone, and not only the process on it."""
    with _socket_of(line) as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENT_S // 2)
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _SILENT_S // 6)
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_S * 1000)


def _wait_at_most(line: Connection, seconds: int) -> None:
    """Let each wait for the other end fail with an OSError after so long; 0: wait for ever."""
    with _socket_of(line) as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", seconds, 0))


def _socket_of(line: Connection) -> socket.socket:
    """The line's socket under another number, which closes without closing the line."""
    return socket.socket(fileno=os.dup(line.fileno()))
