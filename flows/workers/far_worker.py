"""An outpost that came, and the worker that it has, which a pool treats like a near one."""

import contextlib
import threading
from collections import deque
from multiprocessing.connection import Connection
from typing import Any

from flows.workers.line import hang_up
from flows.workers.outpost import Tells, Told
from flows.workers.site import Hire
from flows.workers.ticket import Greeting


class Post:
    """The line to an outpost; at its other end there is one worker at a time."""

    def __init__(self, line: Connection, greeting: Greeting, hire: Hire) -> None:
        self.greeting = greeting
        self._line, self._hire = line, hire
        self._sending = threading.Lock()
        self._gone = threading.Event()
        self._worker: FarWorker | None = None
        threading.Thread(target=self._hear, name="outpost", daemon=True).start()

    @property
    def lives(self) -> bool:
        """Whether its line is whole."""
        return not self._gone.is_set()

    def start(self, threads: int) -> "FarWorker":
        """Let it start a worker; the one before has ended."""
        worker = self._worker = FarWorker(self)
        with contextlib.suppress(OSError):  # it is gone, and so is the worker
            self.tell(("start", threads))
        if not self.lives:
            worker.ended(None)
        return worker

    def tell(self, told: Told) -> None:
        """Tell it something.

        Raises:
            OSError: it is gone.
        """
        with self._sending:
            self._line.send(told)

    def leave(self) -> None:
        """Want nothing more of it."""
        hang_up(self._line)

    def give_up(self) -> None:
        """Let it go with whatever still runs there."""
        self.leave()
        self._hire.cancel()

    def _hear(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._take(self._line.recv())
        self._gone.set()
        with self._sending:
            self._line.close()
        if self._worker is not None:
            self._worker.ended(None)

    def _take(self, tells: Tells) -> None:
        if self._worker is not None:
            what, payload = tells
            (self._worker.said if what == "message" else self._worker.ended)(payload)


class FarWorker:
    """A process at an outpost, as a Worker sees its process and its pipe."""

    exitcode: int | None = None

    def __init__(self, post: Post) -> None:
        self._post = post
        self._messages: deque[Any] = deque()
        self._over = False
        self._changed = threading.Condition()

    def said(self, message: Any) -> None:
        """Take what it sent."""
        with self._changed:
            self._messages.append(message)
            self._changed.notify_all()

    def ended(self, exit_code: int | None) -> None:
        """Know that nothing comes from it any more; the first to say so is believed."""
        with self._changed:
            if not self._over:
                self._over, self.exitcode = True, exit_code
            self._changed.notify_all()

    def poll(self, timeout: float, /) -> bool:
        """As `Pipe` says."""
        with self._changed:
            return self._changed.wait_for(self._has_news, timeout)

    def recv(self) -> Any:
        """As `Pipe` says."""
        with self._changed:
            self._changed.wait_for(self._has_news)
            if not self._messages:
                raise EOFError
            return self._messages.popleft()

    def send(self, message: Any, /) -> None:
        """As `Pipe` says."""
        self._post.tell(("message", message))

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._post.tell(("signal", number))

    def is_alive(self) -> bool:
        """As `Process` says."""
        return not self._over

    def kill(self) -> None:
        """As `Process` says."""
        if not self._over:
            with contextlib.suppress(OSError):
                self._post.tell(("kill", None))

    def join(self, timeout: float, /) -> None:
        """As `Process` says; an outpost that does not end its worker is given up with it."""
        with self._changed:
            ended = self._changed.wait_for(lambda: self._over, timeout)
        if not ended:
            self._post.give_up()
            self.ended(None)

    def _has_news(self) -> bool:
        return bool(self._messages) or self._over
