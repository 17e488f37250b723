"""One worker process, as the pool sees it."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from flows.workers.beats import Beat
from flows.workers.process import serve

_THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_LOOK_EVERY_S = 0.5

Message = tuple[str, Any]
"""As `worker_process.serve` sends them."""


class WorkerGone(Exception):
    """A worker's process has ended."""


@dataclass
class Worker:
    """A process that does jobs on a device."""

    process: multiprocessing.process.BaseProcess
    device: str
    _pipe: Connection
    last: Beat | None = None
    """Its last sign of life."""

    @property
    def lives(self) -> bool:
        """Whether its process is there."""
        return self.process.is_alive()

    def receive(self) -> Message | None:
        """The next message; None when none came for a while.

        Raises:
            WorkerGone: none will come any more.
        """
        try:
            if self._pipe.poll(_LOOK_EVERY_S):
                message: Message = self._pipe.recv()
                return message
        except (EOFError, OSError):
            raise WorkerGone from None
        if not self.lives:
            raise WorkerGone
        return None

    def send(self, message: Any) -> None:
        """Send an order, or the answer to an event.

        Raises:
            WorkerGone: nobody will read it.
        """
        try:
            self._pipe.send(message)
        except OSError:
            raise WorkerGone from None

    def end(self) -> None:
        """Kill the process, whatever it does."""
        self.process.kill()
        self.process.join()


def start_worker(device: str, threads: int) -> Worker:
    """Start a process.

    Args:
        device: `cpu` or `cuda:NUMBER`.
        threads: that its libraries may use.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, device, os.getpid()), daemon=True)
    with _thread_limit(threads), _no_interrupts():
        process.start()
    theirs.close()
    return Worker(process, device, ours)


_starting = threading.Lock()


@contextlib.contextmanager
def _thread_limit(threads: int) -> Iterator[None]:
    """Let a process started inside inherit the number of threads its libraries may use."""
    with _starting:
        before = {name: os.environ.get(name) for name in _THREAD_LIMITS}
        os.environ.update(dict.fromkeys(_THREAD_LIMITS, str(threads)))
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


@contextlib.contextmanager
def _no_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back from this thread and from a process started inside, until it lets it in."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
