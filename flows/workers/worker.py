"""One worker process as the pool sees it, and where a pool's workers come from."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from flows.workers.beats import Beat
from flows.workers.process import TELL_STACKS, serve

_THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_LOOK_EVERY_S = 0.5
_TO_END_S = 20.0
"""For a killed process."""

Message = tuple[str, Any]
"""As `process.serve` sends them."""


class Process(Protocol):
    """A process of this machine, or of another."""

    @property
    def exitcode(self) -> int | None:
        """How it ended, as `failures.death` reads it."""

    def is_alive(self) -> bool:
        """Whether it is there."""

    def kill(self) -> None:
        """End it, whatever it does."""

    def join(self, timeout: float, /) -> None:
        """Wait for its end, so many seconds at most."""


class Pipe(Protocol):
    """A way to a process and back; OSError and EOFError say that nobody is there any more."""

    def poll(self, timeout: float, /) -> bool:
        """Whether something came, after so many seconds at most."""

    def recv(self) -> Any:
        """What came."""

    def send(self, message: Any, /) -> None:
        """Send."""


class WorkerGone(Exception):
    """A worker's process has ended."""


@dataclass
class Worker:
    """A process that does jobs on a device."""

    process: Process
    slot: str
    """What it was started for; another that takes its place is asked for by the same."""
    device: str
    """What people call it."""
    _pipe: Pipe
    _signal: Callable[[int], None]
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

    def tell_stacks(self) -> None:
        """Let it write into its log where each of its threads is."""
        with contextlib.suppress(OSError):
            self._signal(TELL_STACKS)

    def end(self) -> None:
        """Kill the process, whatever it does; one whom a driver holds dies later, or never."""
        self.process.kill()
        self.process.join(_TO_END_S)


class Source(Protocol):
    """Where the workers of a pool come from."""

    @property
    def slow(self) -> bool:
        """Whether a worker may be long in coming: the pool then asks before it needs one."""

    def start(self, slot: str, threads: int) -> Worker:
        """Start a worker.

        Args:
            slot: one of those that the pool has.
            threads: that its libraries may use.

        Raises:
            ConfigError: none can be had, and what to do about it.
            Withdrawn: the source was closed meanwhile.
        """

    def close(self) -> None:
        """Begin to end whatever was started; `start` waits for nothing any more."""


class Withdrawn(Exception):
    """A source was closed before a worker came."""


class Here:
    """Processes of this machine; a slot is a device, as `machine.devices` names it."""

    slow = False

    def start(self, slot: str, threads: int) -> Worker:
        """Start a process on a device."""
        process, pipe = start_process(slot, threads)

        def signal_it(number: int) -> None:
            if process.pid is not None:
                os.kill(process.pid, number)

        return Worker(process, slot, slot, pipe, signal_it)

    def close(self) -> None:
        """Leave the workers to the pool."""


HERE = Here()


def start_process(device: str, threads: int) -> tuple[BaseProcess, Connection]:
    """Start a process that serves, and give our end of its pipe.

    Args:
        device: as `machine.devices` names it.
        threads: that its libraries may use.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, device, os.getpid()), daemon=True)
    with _thread_limit(threads), _no_interrupts():
        process.start()
    theirs.close()
    return process, ours


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
