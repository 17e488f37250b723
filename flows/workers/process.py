"""The worker's side of a pool: a process that answers one job after the other."""

import contextlib
import faulthandler
import importlib
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from pickle import PicklingError
from typing import Any

from flows.tracing.meter import peak_mb
from flows.workers.beats import Beat, beating, gpu_peak_mb
from flows.workers.failures import Kind, kind_of
from flows.workers.job_log import output_into, say, shorten
from flows.workers.machine import VISIBLE
from flows.workers.orphans import end_with_parent

TELL_STACKS = signal.SIGUSR1
"""Makes a worker write where each of its threads is."""


@dataclass(frozen=True)
class Order:
    """A job to do."""

    job: str
    """`module:function`"""
    args: tuple[Any, ...]
    log: Path | None
    """Where its output goes."""


@dataclass(frozen=True)
class Failed:
    """What became of a job that raised."""

    message: str
    details: str
    """The traceback."""
    kind: Kind


class _Stop(BaseException):
    """Leaves a job from within; no job means to catch it."""


def serve(pipe: Connection, device: str, parent: int) -> None:
    """Answer jobs until the pipe closes.

    Sends `("beat", Beat)` and `("event", payload)`, each event answered by whether the job is to
    stop there, and at the end `("done", result)`, `("stopped", None)` or `("failed", Failed)`.

    Args:
        pipe: to the pool.
        device: as `machine.devices` names it; of the GPUs, libraries see this one alone.
        parent: process id of the pool's process: this one ends with it, and only with it.
    """
    end_with_parent(parent)
    _leave_interrupts_to_the_pool()
    faulthandler.enable()
    faulthandler.register(TELL_STACKS)
    os.environ["HCFRES_DEVICE"] = device
    if device.startswith("cuda:"):
        os.environ[VISIBLE] = device.removeprefix("cuda:")
    with contextlib.suppress(EOFError, ConnectionError):  # the pool is gone
        while True:
            order: Order = pipe.recv()
            try:
                with output_into(order.log):
                    answer = _Desk(pipe, device, order).answer()
            except OSError as error:  # there can be no log: the disk is full, or closed to us
                answer = "failed", _failed(error)
            try:
                pipe.send(answer)
            except (AttributeError, TypeError, ValueError, PicklingError) as error:
                pipe.send(("failed", _failed(error)))


class _Desk:
    """Where one job is done."""

    def __init__(self, pipe: Connection, device: str, order: Order) -> None:
        self._pipe, self._device, self._order = pipe, device, order
        self._sending = threading.Lock()

    def answer(self) -> tuple[str, Any]:
        """Do the job, with signs of life meanwhile."""
        self._note(f"begins on {self._device}, process {os.getpid()}: {self._order.job}")
        began = time.monotonic()
        with beating(self._beat, self._device):
            kind, payload = self._outcome()
        self._note(f"{kind} after {time.monotonic() - began:.1f} s")
        return kind, payload

    def _outcome(self) -> tuple[str, Any]:
        try:
            return "done", _find(self._order.job)(self._emit, *self._order.args)
        except _Stop:
            return "stopped", None
        except Exception as error:
            failed = _failed(error)
            self._note(failed.details)
            return "failed", failed

    def _emit(self, payload: Any) -> None:
        self._note(str(payload))
        with self._sending:
            self._pipe.send(("event", payload))
        if self._pipe.recv():
            raise _Stop

    def _beat(self, beat: Beat) -> None:
        with self._sending:
            self._pipe.send(("beat", beat))
        if self._order.log is not None:
            shorten(self._order.log)

    def _note(self, text: str) -> None:
        if self._order.log is not None:
            say(text)


def _failed(error: Exception) -> Failed:
    kind, message = kind_of(error), f"{type(error).__name__}: {error}"
    if kind == "out of memory":
        gpu = gpu_peak_mb()
        most = f"{peak_mb():,.0f} MB" + (f", {gpu:,.0f} MB of the GPU's" if gpu else "")
        message += f" (the process had at most {most})"
    return Failed(message, traceback.format_exc(), kind)


def _find(job: str) -> Callable[..., Any]:
    module, _, name = job.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _leave_interrupts_to_the_pool() -> None:
    """Ctrl-C reaches every process of the terminal; it is the pool that ends its workers.

    They are started with the signal held back, so that none comes in before this.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
