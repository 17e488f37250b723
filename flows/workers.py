"""Warm worker processes: each imports torch once and then runs job after job on its own device.

A job is a module-level function named by `module:function` with picklable arguments; its first
argument is a callable that sends events to the caller while it runs; each waits for the caller's
answer, which may be that the job is to end there. A worker that dies, hangs or runs out of memory
costs its job alone, and another one takes its place.
"""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from flows.beats import Beat
from flows.failures import Kind, death
from flows.job_log import tail
from flows.patience import PATIENCE, HungError, Patience, Vigil
from flows.worker_process import TELL_STACKS, Failed, Order, serve

Event = Callable[[Any], Any]
"""Told of each event; what it answers is nothing, or STOP."""
STOP = "stop"
"""Ends the job at this event; its worker stays warm."""

_THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_LOOK_EVERY_S = 0.5
_TO_CLOSE_S = 0.5
"""Ctrl-C may end a worker before we know of it ourselves."""
_TO_TELL_S = 0.5
_MB = 1e6


class JobError(RuntimeError):
    """A job failed in its worker; the message is the one its author wrote."""

    def __init__(self, message: str, details: str, kind: Kind = "error", device: str = "") -> None:
        super().__init__(message)
        self.details = details
        """The worker's traceback, or the last it wrote."""
        self.kind = kind
        self.device = device
        self.attempts = 1
        """How often the job was tried."""

    @property
    def reason(self) -> str:
        """In a word or two: the kind, or the name of what the job raised."""
        name = str(self).partition(":")[0]
        return name if self.kind == "error" and name.isidentifier() else self.kind


class JobStopped(Exception):
    """A job ended where its caller had answered STOP."""


class PoolClosed(Exception):
    """The workers were ended while the job ran, or before: as on Ctrl-C. It says nothing of it."""


class _Gone(Exception):
    """A worker's process ended."""


def _ignore(_: Any) -> None:
    """Hear nothing."""


@dataclass(frozen=True)
class Watch:
    """What else is wanted of a job besides its events and its result."""

    begun: Callable[[str], None] = _ignore
    """Told the device when a worker takes the job."""
    beat: Callable[[Beat], None] = _ignore
    """Told of each sign of life."""
    log: Path | None = None
    """The file to which everything goes that the worker writes meanwhile."""
    patience: Patience = PATIENCE


NOBODY = Watch()


@dataclass
class _Worker:
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    device: str

    def receive(self) -> tuple[str, Any] | None:
        """The next message; None when none came for a while."""
        try:
            if self.pipe.poll(_LOOK_EVERY_S):
                message: tuple[str, Any] = self.pipe.recv()
                return message
        except (EOFError, OSError):
            raise _Gone from None
        if not self.process.is_alive():
            raise _Gone
        return None

    def send(self, message: Any) -> None:
        try:
            self.pipe.send(message)
        except OSError:
            raise _Gone from None


class WorkerPool:
    """As many workers as there are devices; `call` blocks until one is free and the job is done."""

    def __init__(self, devices: tuple[str, ...], threads: int = 1) -> None:
        self._threads = threads
        self._closed = threading.Event()
        self.size = len(devices)
        """How many jobs run at once."""
        self._all: list[_Worker] = []
        self._free: queue.Queue[_Worker | str] = queue.Queue()
        for device in devices:
            self._free.put(device)

    def call(
        self, job: str, *args: Any, on_event: Event | None = None, watch: Watch = NOBODY
    ) -> Any:
        """Run `job` in a free worker and return its result.

        Raises:
            JobError: the job raised, or its process died, hung or ran out of memory; the pool
                stays usable in any case.
            JobStopped: `on_event` answered STOP.
            PoolClosed: the pool was closed meanwhile.
        """
        worker = self._take()
        try:
            watch.begun(worker.device)
            worker.send(Order(job, args, watch.log))
            kind, payload = _listen(worker, on_event, watch)
        except _Gone:
            raise self._lost(worker, job, watch) from None
        except HungError as error:
            raise self._stuck(worker, job, watch, error) from None
        except BaseException:
            self._replace(worker)
            raise
        if kind != "failed":
            self._free.put(worker)
            if kind == "stopped":
                raise JobStopped
            return payload
        failed: Failed = payload
        if failed.kind == "error":
            self._free.put(worker)
        else:
            self._replace(worker)  # what it lost, memory or a device, only a new process has
        raise JobError(failed.message, failed.details, failed.kind, worker.device)

    def warm(self, job: str) -> None:
        """Start every worker now and let each run `job`, while the caller goes on.

        Args:
            job: imports what later jobs need; where it fails, those jobs will say why.
        """

        def one() -> None:
            with contextlib.suppress(JobError, PoolClosed):
                self.call(job)

        for _ in range(self._free.qsize()):
            threading.Thread(target=one, daemon=True).start()

    def close(self) -> None:
        """End every worker; jobs still running are killed, and no more are taken."""
        self._closed.set()
        for worker in list(self._all):
            self._end(worker)

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self) -> _Worker:
        waiting = self._free.get()
        if isinstance(waiting, _Worker) and not waiting.process.is_alive():
            self._end(waiting)
            waiting = waiting.device
        if self._closed.is_set():
            self._free.put(waiting)
            raise PoolClosed
        return waiting if isinstance(waiting, _Worker) else self._start(waiting)

    def _start(self, device: str) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, device, os.getpid()), daemon=True)
        with _thread_limit(self._threads), _no_interrupts():
            process.start()
        theirs.close()
        worker = _Worker(process, ours, device)
        self._all.append(worker)
        if self._closed.is_set():  # since we looked
            self._replace(worker)
            raise PoolClosed
        return worker

    def _lost(self, worker: _Worker, job: str, watch: Watch) -> Exception:
        """Replace a worker that ended; the error that says how."""
        self._replace(worker)
        if self._closed.wait(_TO_CLOSE_S):
            return PoolClosed()
        kind, how = death(worker.process.exitcode)
        message = f"the worker on {worker.device} died while running {job}: {how}"
        return JobError(message, tail(watch.log), kind, worker.device)

    def _stuck(self, worker: _Worker, job: str, watch: Watch, why: HungError) -> JobError:
        """Replace a worker that hangs, after it told where; the error that says so."""
        if watch.log is not None and worker.process.pid is not None:
            os.kill(worker.process.pid, TELL_STACKS)
            time.sleep(_TO_TELL_S)
        self._replace(worker)
        message = f"the worker on {worker.device} hung while running {job}: {why}"
        return JobError(message, tail(watch.log), "hung", worker.device)

    def _replace(self, worker: _Worker) -> None:
        """End a worker; another is started on its device when it is needed."""
        self._end(worker)
        self._free.put(worker.device)

    def _end(self, worker: _Worker) -> None:
        worker.process.kill()
        worker.process.join()
        if worker in self._all:
            self._all.remove(worker)


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


def _listen(worker: _Worker, on_event: Event | None, watch: Watch) -> tuple[str, Any]:
    vigil = Vigil(watch.patience)
    while True:
        message = worker.receive()
        if message is None:
            vigil.look()
            continue
        kind, payload = message
        if kind == "beat":
            vigil.beat(payload)
            vigil.look()
            watch.beat(payload)
        elif kind == "event":
            vigil.event()
            answer = on_event(payload) if on_event is not None else None
            worker.send(answer == STOP)
        else:
            return kind, payload
