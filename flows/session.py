"""What every flow needs at hand: the workspace, the workers, the tracker and the progress board."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from prefect.settings import PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS as MOST_THREADS
from prefect.settings import temporary_settings
from rich.console import Console

from flows.live.progress import ProgressBoard
from flows.prefect_server import wait_for_server
from flows.tracking.embedded import in_use
from flows.tracking.tracked_run import TrackedRun
from flows.tracking.tracker import Tracker
from flows.workers.pool import WorkerPool
from flows.workers.sites import open_pool
from flows.workers.where import Where
from hcfres.store.workspace import Workspace

_MORE_THREADS = 64
"""For flows, than one a worker, and one a cell that another launcher with as many has in hand."""


@dataclass(frozen=True)
class Session:
    """One invocation's resources; flows receive it, tasks call into it."""

    workspace: Workspace
    pool: WorkerPool
    tracker: Tracker
    board: ProgressBoard
    accept_code: bool = False
    """Keep expensive results that other code made."""
    grid: TrackedRun | None = None
    """The run under which stages and cells nest."""
    processes: int = 1
    """Workers that train one cell together."""


@contextlib.contextmanager
def open_session(
    workspace: Workspace,
    console: Console,
    accept_code: bool = False,
    warm: str | None = None,
    on: Where = "local",
) -> Iterator[Session]:
    """Open the tracker and the workers; the workers end with the session, whatever happens.

    Args:
        accept_code: keep expensive results that other code made.
        warm: a job that every worker does at once, while Prefect's server comes up; None where
            there may be nothing for them to do.
        on: where the workers are.

    Raises:
        StoreError: the database that runs are tracked in is being removed.
    """
    board = ProgressBoard(console)
    with in_use(workspace), open_pool(on, workspace, board.say) as pool, board.open():
        if warm is not None:
            pool.warm(warm)
        tracker = Tracker(workspace)
        wait_for_server()
        with temporary_settings({MOST_THREADS: 2 * pool.size + _MORE_THREADS}):
            yield Session(workspace, pool, tracker, board, accept_code)
