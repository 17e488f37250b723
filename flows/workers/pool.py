"""Warm worker processes: each imports torch once and then runs job after job on its own device.

A job is a module-level function named by `module:function` with picklable arguments; its first
argument is a callable that sends events to the caller while it runs; each waits for the caller's
answer, which may be that the job is to end there. A worker that dies, hangs or runs out of memory
costs its job alone, and another one takes its place. Whether workers are processes of this machine
or of others is their source's business.
"""

import contextlib
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.workers.beats import Beat
from flows.workers.failures import Kind, death
from flows.workers.free_devices import FreeDevices
from flows.workers.job_log import tail
from flows.workers.patience import PATIENCE, HungError, Patience, Vigil
from flows.workers.process import Failed, Order
from flows.workers.worker import HERE, Source, Withdrawn, Worker, WorkerGone
from hcfres.config.loading import ConfigError

Event = Callable[[Any], Any]
"""Told of each event; what it answers is nothing, or STOP."""
STOP = "stop"
"""Ends the job at this event; its worker stays warm."""

_TO_CLOSE_S = 0.5
"""Ctrl-C may end a worker before we know of it ourselves."""
_TO_TELL_S = 0.5
_TO_START_AGAIN_S = 5.0
"""Until there may be memory, processes or files for a worker that could not be started."""


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


class NoWorkers(PoolClosed, ConfigError):
    """The workers were ended because their source cannot give what it should; it says why."""


def _ignore(_: Any) -> None:
    """Hear nothing."""


@dataclass(frozen=True)
class Watch:
    """What else is wanted of a job besides its events and its result."""

    begun: Callable[[str], None] = _ignore
    """Told the device when a worker takes the job; what it raises, the caller of the job is told
    instead, and the worker goes to the next."""
    beat: Callable[[Beat], None] = _ignore
    """Told of each sign of life."""
    log: Path | None = None
    """The file to which everything goes that the worker writes meanwhile."""
    patience: Patience = PATIENCE
    urgent: bool = False
    """Whether it comes before jobs that were asked for earlier."""
    abandoned: threading.Event = field(default_factory=threading.Event)
    """When it is set the job is ended, and its worker with it."""


NOBODY = Watch()


class WorkerPool:
    """As many workers as there are slots; `call` blocks until one is free and the job is done."""

    def __init__(self, slots: tuple[str, ...], threads: int = 1, source: Source = HERE) -> None:
        self._slots, self._threads, self._source = slots, threads, source
        self._closed = threading.Event()
        self._refusal: Exception | None = None
        self.size = len(slots)
        """How many jobs run at once."""
        self._all: list[Worker] = []
        self._free = FreeDevices(() if source.slow else slots)
        self._asked = threading.Lock()
        """Taken once a slow source was asked for all workers."""

    def call(
        self, job: str, *args: Any, on_event: Event | None = None, watch: Watch = NOBODY
    ) -> Any:
        """Run `job` in a free worker and return its result.

        Raises:
            JobError: the job raised, or its process died, hung or ran out of memory; the pool
                stays usable in any case.
            JobStopped: `on_event` answered STOP, or the job was abandoned.
            PoolClosed: the pool was closed meanwhile; a NoWorkers says why.
        """
        self._ask_for_all()
        worker = self._take(watch.urgent)
        try:
            watch.begun(worker.device)
        except BaseException:
            self._free.give(worker)  # it was given nothing to do
            raise
        try:
            worker.send(Order(job, args, watch.log))
            kind, payload = _listen(worker, on_event, watch)
        except WorkerGone:
            raise self._lost(worker, job, watch) from None
        except HungError as error:
            raise self._stuck(worker, job, watch, error) from None
        except BaseException:
            self._replace(worker)
            raise
        if kind != "failed":
            self._free.give(worker)
            if kind == "stopped":
                raise JobStopped
            return payload
        failed: Failed = payload
        if failed.kind == "error":
            self._free.give(worker)
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

        for _ in range(self.size):
            threading.Thread(target=one, daemon=True).start()

    def closes_within(self, seconds: float) -> bool:
        """Wait for so long, or until the pool is closed; whether it is."""
        return self._closed.wait(seconds)

    def close(self) -> None:
        """End every worker; jobs still running are killed, and no more are taken."""
        self._closed.set()
        self._source.close()
        for worker in list(self._all):
            self._end(worker)

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, urgent: bool) -> Worker:
        while True:
            free = self._free.take(urgent)
            if self._closed.is_set():
                self._free.give(free)
                raise self._why_closed()
            if isinstance(free, str):
                return self._start_here(free)
            if free.lives:
                return free
            self._replace(free)

    def _start(self, slot: str) -> Worker:
        worker = self._source.start(slot, self._threads)
        self._all.append(worker)
        if self._closed.is_set():  # since we looked
            self._replace(worker)
            raise self._why_closed()
        return worker

    def _start_here(self, slot: str) -> Worker:
        """Start a worker for a job; where that fails the slot is free for the next."""
        with contextlib.ExitStack() as failing:
            failing.callback(self._free.give, slot)
            try:
                worker = self._start(slot)
            except OSError as error:
                if self._closed.wait(_TO_START_AGAIN_S):
                    raise self._why_closed() from None
                message = f"no worker could be started on {slot}: {error}"
                raise JobError(message, traceback.format_exc(), "lost", slot) from error
            failing.pop_all()
            return worker

    def _ask_for_all(self) -> None:
        """Ask a slow source for every worker, once there is a job."""
        if self._source.slow and self._asked.acquire(blocking=False):
            for slot in self._slots:
                self._vacate(slot)

    def _vacate(self, slot: str) -> None:
        """Have another worker started in a slot: when it is needed, or at once where that is slow.

        Jobs then wait for whichever worker is free first, not for that one.
        """
        if self._closed.is_set() or not self._source.slow:
            self._free.give(slot)
        else:
            threading.Thread(target=self._start_ahead, args=(slot,), daemon=True).start()

    def _start_ahead(self, slot: str) -> None:
        try:
            self._free.give(self._start(slot))
        except (PoolClosed, Withdrawn):
            self._free.give(slot)
        except Exception as error:  # whatever it is: jobs would wait for this worker for ever
            self._refusal = error
            self.close()
            self._free.give(slot)

    def _why_closed(self) -> PoolClosed:
        why = self._refusal
        if why is None:
            return PoolClosed()
        return NoWorkers(str(why) if isinstance(why, ConfigError) else repr(why))

    def _lost(self, worker: Worker, job: str, watch: Watch) -> Exception:
        """Replace a worker that ended; the error that says how."""
        self._replace(worker)
        if self._closed.wait(_TO_CLOSE_S):
            return self._why_closed()
        kind, how = death(worker.process.exitcode)
        had = f"; it had at most {worker.last.peak_mb:,.0f} MB by then" if worker.last else ""
        message = f"the worker on {worker.device} died while running {job}: {how}{had}"
        return JobError(message, tail(watch.log), kind, worker.device)

    def _stuck(self, worker: Worker, job: str, watch: Watch, why: HungError) -> JobError:
        """Replace a worker that hangs, after it told where; the error that says so."""
        if watch.log is not None:
            worker.tell_stacks()
            time.sleep(_TO_TELL_S)
        self._replace(worker)
        message = f"the worker on {worker.device} hung while running {job}: {why}"
        return JobError(message, tail(watch.log), "hung", worker.device)

    def _replace(self, worker: Worker) -> None:
        """End a worker; another takes its place."""
        self._end(worker)
        self._vacate(worker.slot)

    def _end(self, worker: Worker) -> None:
        worker.end()
        if worker in self._all:
            self._all.remove(worker)


def _listen(worker: Worker, on_event: Event | None, watch: Watch) -> tuple[str, Any]:
    vigil = Vigil(watch.patience)
    while True:
        message = worker.receive()
        if watch.abandoned.is_set():
            raise JobStopped
        if message is None:
            vigil.look()
            continue
        kind, payload = message
        if kind == "beat":
            worker.last = payload
            vigil.beat(payload)
            vigil.look()
            watch.beat(payload)
        elif kind == "event":
            vigil.event()
            answer = on_event(payload) if on_event is not None else None
            worker.send(answer == STOP)
        else:
            return kind, payload
