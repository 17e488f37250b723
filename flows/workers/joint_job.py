"""One job in several workers at once, as the processes that train one cell together."""

import math
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows.workers.pool import Event, JobError, Watch, WorkerPool
from hcfres.training.team import Team

_gathering = threading.Lock()
"""Held while a team takes its workers: two that each had half of theirs would wait for ever."""


def call_team(
    pool: WorkerPool, job: str, args: tuple[Any, ...], on_event: Event, watch: Watch, size: int
) -> Any:
    """Run `job` in `size` workers at once and return what the first of them returns.

    Each is given the arguments and, where they are several, its Team. Events, signs of life and
    the result are the first one's. Where one fails, the others are ended: they would wait for it.

    Raises:
        JobError, JobStopped, PoolClosed: as `WorkerPool.call`, of the first to end so.
    """
    if size == 1:
        return pool.call(job, *args, on_event=on_event, watch=watch)
    abandoned = threading.Event()
    with TemporaryDirectory() as folder, ThreadPoolExecutor(size) as threads:
        meeting = Path(folder) / "meeting"

        def start(rank: int, begun: Callable[[str], None]) -> Future[Any]:
            seen = replace(watch if rank == 0 else _patient(watch), begun=begun)
            seen = replace(seen, abandoned=abandoned)
            heard = on_event if rank == 0 else None
            team = Team(rank, size, meeting)
            return threads.submit(pool.call, job, *args, team, on_event=heard, watch=seen)

        return _outcome(_gather(start, size, watch), abandoned)


def _gather(
    start: Callable[[int, Callable[[str], None]], Future[Any]], size: int, watch: Watch
) -> list[Future[Any]]:
    """Start a team's jobs, and wait until each has its worker."""
    waiting = threading.Semaphore(0)

    def first_begun(device: str) -> None:
        watch.begun(device)
        waiting.release()

    def begun(_: str) -> None:
        waiting.release()

    with _gathering:
        members = [start(rank, begun if rank else first_begun) for rank in range(size)]
        for member in members:
            member.add_done_callback(lambda _: waiting.release())
        for _ in members:
            waiting.acquire()
    return members


def _outcome(members: list[Future[Any]], abandoned: threading.Event) -> Any:
    """What the first member returns, or why the first of them failed.

    Where a worker is lost the others fail for want of it, and may do so first: it is the reason.
    """
    failures: list[BaseException] = []
    for member in as_completed(members):
        if (error := member.exception()) is not None:
            abandoned.set()
            failures.append(error)
    if not failures:
        return members[0].result()
    lost = (one for one in failures if isinstance(one, JobError) and one.kind != "error")
    raise next(lost, failures[0]) if isinstance(failures[0], JobError) else failures[0]


def _patient(watch: Watch) -> Watch:
    """How the others than the first are watched: they may stand still while it is at work."""
    return Watch(log=watch.log, patience=replace(watch.patience, still_s=math.inf))
