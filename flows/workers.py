"""Warm worker processes: each imports torch once and then runs job after job on its own device.

A job is a module-level function named by `module:function` with picklable arguments; its first
argument is a callable that sends events to the caller while it runs.
"""

import contextlib
import importlib
import multiprocessing
import os
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

Event = Callable[[Any], None]

_THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


class JobError(RuntimeError):
    """A job failed in its worker; the message is the one its author wrote."""

    def __init__(self, message: str, details: str) -> None:
        super().__init__(message)
        self.details = details
        """The worker's traceback."""


@dataclass
class _Worker:
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    device: str


class WorkerPool:
    """As many workers as there are devices; `call` blocks until one is free and the job is done."""

    def __init__(self, devices: tuple[str, ...], threads: int = 1) -> None:
        self._threads = threads
        self._closed = False
        self._all: list[_Worker] = []
        self._free: queue.Queue[_Worker | str] = queue.Queue()
        for device in devices:
            self._free.put(device)

    def call(self, job: str, *args: Any, on_event: Event | None = None) -> Any:
        """Run `job` in a free worker and return its result.

        Raises:
            JobError: the job raised, or its process died; the pool stays usable either way.
        """
        worker = self._take()
        try:
            worker.pipe.send((job, args))
            kind, payload = _listen(worker, on_event)
        except (EOFError, OSError):
            self._free.put(self._bury(worker))
            raise JobError(f"the worker on {worker.device} died while running {job}", "") from None
        except BaseException:
            self._free.put(self._bury(worker))
            raise
        self._free.put(worker)
        if kind == "failed":
            raise JobError(*payload)
        return payload

    def close(self) -> None:
        """End every worker; jobs still running are killed, and no more are taken."""
        self._closed = True
        for worker in list(self._all):
            self._bury(worker)

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self) -> _Worker:
        waiting = self._free.get()
        if self._closed:
            self._free.put(waiting)
            raise JobError("the workers were stopped", "")
        if isinstance(waiting, _Worker):
            return waiting
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, waiting, os.getpid()), daemon=True)
        with _thread_limit(self._threads):
            process.start()
        theirs.close()
        worker = _Worker(process, ours, waiting)
        self._all.append(worker)
        return worker

    def _bury(self, worker: _Worker) -> str:
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        if worker in self._all:
            self._all.remove(worker)
        return worker.device


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


def _listen(worker: _Worker, on_event: Event | None) -> tuple[str, Any]:
    while True:
        kind, payload = worker.pipe.recv()
        if kind != "event":
            return kind, payload
        if on_event is not None:
            on_event(payload)


def _serve(pipe: Connection, device: str, parent: int) -> None:
    """Answer jobs until the pipe closes; runs in the worker's process."""
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    os.environ["HCFRES_DEVICE"] = device
    if device.startswith("cuda:"):
        os.environ["CUDA_VISIBLE_DEVICES"] = device.removeprefix("cuda:")
    while True:
        try:
            job, args = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            result = _find(job)(lambda payload: pipe.send(("event", payload)), *args)
            pipe.send(("done", result))
        except KeyboardInterrupt:
            return
        except Exception as error:
            pipe.send(("failed", (f"{type(error).__name__}: {error}", traceback.format_exc())))


def _die_with(parent: int) -> None:
    """End this process as soon as its parent is gone, even by SIGKILL and in mid-job."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _find(job: str) -> Callable[..., Any]:
    module, _, name = job.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found
