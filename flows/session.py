"""What every flow needs at hand: the workspace, the workers, the tracker and the progress board."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console

from flows.live.progress import ProgressBoard
from flows.prefect_server import wait_for_server
from flows.tracking.tracked_run import TrackedRun
from flows.tracking.tracker import Tracker
from flows.workers.pool import WorkerPool
from flows.workers.sites import open_pool
from flows.workers.where import Where
from hcfres.store.workspace import Workspace


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
    """
    board = ProgressBoard(console)
    with open_pool(on, workspace, board.say) as pool, board.open():
        if warm is not None:
            pool.warm(warm)
        tracker = Tracker(workspace)
        wait_for_server()
        yield Session(workspace, pool, tracker, board, accept_code)
