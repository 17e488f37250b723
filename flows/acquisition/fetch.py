"""What is missing of a published dataset, fetched: one task a scan, with progress and time left."""

import re
import threading
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed
from prefect.task_runners import ThreadPoolTaskRunner
from rich.console import Console

from flows.acquisition.check import Looking
from flows.acquisition.request import Asked
from flows.live.progress import Bar, ProgressBoard
from flows.workers.pool import JobError, WorkerPool
from hcfres.data.acquisition.bring import require_room_for
from hcfres.data.acquisition.checks import SHARED
from hcfres.data.acquisition.inventory import Inventory, Unit
from hcfres.data.acquisition.order import Order, scenes_of
from hcfres.data.errors import DataError, too_many

_MEGABYTE = 1_000_000
_THREADS = 16
"""Threads that wait for workers; the workers, not these, bound what runs at once."""
_OWN_ERRORS = re.compile(r"^(DataError|NotThereError|InTheWayError|StoreError): ")

T = TypeVar("T")


def _runner() -> Any:
    return ThreadPoolTaskRunner(max_workers=_THREADS)


class Hidden(Generic[T]):
    """What Prefect is not to write down: it stores the parameters of flows in its database.

    An order's source may hold a password or a signature. No encoder finds attributes here.
    """

    __slots__ = ("show",)

    def __init__(self, value: T) -> None:
        self.show = lambda: value

    def __repr__(self) -> str:
        return "(hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("what is hidden does not leave this process")


@dataclass(frozen=True)
class Crew:
    """Workers, and where their progress is shown; MLflow has no part in this."""

    pool: WorkerPool
    board: ProgressBoard


def fetch_missing(asked: Asked, found: Inventory, console: Console) -> None:
    """Fetch everything that is asked for and not there, with workers and progress.

    Raises:
        DataError: scans or files that could not be had, all of them named; the others are there.
    """
    with WorkerPool(("cpu",) * asked.jobs) as pool, ProgressBoard(console).open() as board:
        fetch(Hidden(asked), found, Crew(pool, board))


@flow(name="fetch", validate_parameters=False, task_runner=_runner())
def fetch(hidden: Hidden[Asked], found: Inventory, crew: Crew) -> None:
    """Lists and sentences first, then one task a scan: fetch, extract, verify, delete."""
    asked = hidden.show()
    looking = Looking(asked, crew.board, crew.pool)
    for order in asked.orders:
        lacking = [unit for unit in found.incomplete if unit.dataset == order.dataset]
        if any(unit.name in SHARED for unit in lacking):
            finish([fetch_shared.submit(crew, Hidden(order))], order, crew)
            scenes = scenes_of(order.root, asked.request.scenes) or ()
            lacking = looking.scans(order, scenes if order.dataset == "scannet" else ())
        lacking = [unit for unit in lacking if not unit.complete and unit.name not in SHARED]
        lacking = looking.sizes(order, lacking, all_files=False)
        require_room_for(order, lacking, asked.jobs)
        fetch_scans(order, lacking, crew)


def fetch_scans(order: Order, units: list[Unit], crew: Crew) -> None:
    """Fetch scans, one task each; a bar counts the scans, another what comes over the line."""
    if not units:
        return
    megabytes = round(sum(unit.bytes_left for unit in units) / _MEGABYTE)
    with crew.board.bar("megabytes", max(megabytes, 1)) as line:
        meter = Meter(line)
        futures = [fetch_scan.submit(crew, Hidden(order), unit.name, meter) for unit in units]
        finish(futures, order, crew)


def finish(futures: list[Any], order: Order, crew: Crew) -> None:
    """Wait for tasks and name all that failed.

    Raises:
        DataError: some failed; one failure alone is told in its own words.
    """
    failed: list[str] = []
    with crew.board.bar(order.dataset, len(futures)) as bar:
        try:
            for future in as_completed(futures):
                bar.advance()
                try:
                    future.result()
                except JobError as error:
                    failed.append(_OWN_ERRORS.sub("", str(error)))
        except BaseException:  # Ctrl-C; of SIGTERM Prefect makes another one
            crew.pool.close()
            raise
    if failed:
        problems = failed[0] if len(failed) == 1 else too_many(failed).rstrip()
        way_out = "Everything else is in place; run the same command again for the rest"
        raise DataError(order.root, problems, way_out if len(failed) < len(futures) else "")


@task(cache_policy=NO_CACHE, task_run_name="fetch-{scene}")
def fetch_scan(crew: Crew, order: Hidden[Order], scene: str, meter: "Meter") -> None:
    """One scan: its files, and its frames from its recording."""
    crew.pool.call("flows.acquisition.jobs:fetch_scan", order.show(), scene, on_event=meter)


@task(cache_policy=NO_CACHE)
def fetch_shared(crew: Crew, order: Hidden[Order]) -> None:
    """Lists or sentences."""
    crew.pool.call("flows.acquisition.jobs:fetch_shared", order.show())


class Meter:
    """Counts bytes of many files on one bar of megabytes."""

    def __init__(self, bar: Bar) -> None:
        self._bar, self._bytes, self._shown = bar, 0, 0
        self._lock = threading.Lock()

    def __call__(self, more: int) -> None:
        """Add bytes."""
        with self._lock:
            self._bytes += more
            steps = self._bytes // _MEGABYTE - self._shown
            self._shown += steps
        if steps:
            self._bar.advance(steps)
