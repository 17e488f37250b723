"""The cells of a grid: train, evaluate, log; each costs only itself when it fails."""

import itertools
from collections.abc import Callable
from dataclasses import replace

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.cells.attempt import Attempt
from flows.cells.claim import CellDone, CellTaken, Claim, is_claimed
from flows.cells.failed import Failure, now, one_line, write_failure
from flows.held import Held
from flows.live.artefacts import show_progress
from flows.planning.plan import Plan, PlannedCell
from flows.scenes import outcomes_of, waiting_threads
from flows.session import Session
from flows.workers.job_log import NAME as WORKER_LOG
from flows.workers.joint_job import call_team
from flows.workers.patience import BY_EPOCHS
from flows.workers.pool import STOP, JobError, PoolClosed, Watch
from flows.workers.retries import persist
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.files import write_atomic

_LOOK_EVERY_S = 2.0
"""At what another launcher has in hand."""


@flow(
    name="train and evaluate",
    validate_parameters=False,
    task_runner=waiting_threads(),
)
def train_cells(held: Held[Plan], session: Session) -> tuple[str, ...]:
    """Run the cells that are not done; the names of those that failed are returned."""
    plan = held.value
    outcomes = outcomes_of(
        lambda cell: one_cell.submit(Held(cell), Held(session)),
        plan.todo,
        session,
        show_progress(plan),
    )
    pairs = zip(plan.todo, outcomes, strict=True)
    return tuple(cell.label for cell, outcome in pairs if isinstance(outcome, JobError))


@task(cache_policy=NO_CACHE, task_run_name="{held.value.label}")
def one_cell(held: Held[PlannedCell], within: Held[Session]) -> None:
    """Train and evaluate one cell in a worker, or wait while another launcher does so.

    Raises:
        JobError: it failed; why is kept in its folder and on its run.
        PoolClosed: everything ends; the cell goes on from its checkpoint when asked for again.
    """
    planned, session = held.value, within.value
    live, code = session.board.cell(planned.key, planned.label), code_of_cells()
    while True:
        try:
            with Claim(planned, code) as claim:
                run_cell(Attempt(planned, session, code, claim.make))
            return
        except CellDone:
            live.ends("done", "by another launcher")
            return
        except CellTaken:
            live.waits("another launcher is at work on it")
        wait_for_other_launcher(planned, session)


def wait_for_other_launcher(planned: PlannedCell, session: Session) -> None:
    """Wait while another launcher sees to a cell.

    Raises:
        PoolClosed: everything ends.
    """
    while is_claimed(planned):
        if session.pool.closes_within(_LOOK_EVERY_S):
            raise PoolClosed


def run_cell(attempt: Attempt) -> None:
    """Train, evaluate and log; as `one_cell`."""
    try:
        train_cell(attempt)
        evaluate_cell(attempt)
    except JobError as error:
        keep_failure(attempt, error)
        raise
    except PoolClosed:
        attempt.interrupt()
        raise
    attempt.log.finish()
    attempt.live.ends("done")


def keep_failure(attempt: Attempt, error: JobError) -> None:
    """Say that a cell failed, and keep why."""
    planned = attempt.planned
    attempt.live.ends("failed", str(error))
    write_atomic(planned.folder / "error.log", f"{error}\n\n{error.details}".encode())
    write_failure(
        planned.folder,
        Failure(
            planned.cell.setting.name,
            planned.cell.seed,
            error.reason,
            one_line(str(error)),
            error.attempts,
            error.device,
            now(),
        ),
    )
    attempt.log.fail()


def train_cell(attempt: Attempt, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Train to the last epoch, going on from the last checkpoint, logging every epoch.

    Args:
        should_stop: asked after each epoch; ends the training there.

    Raises:
        JobError: the training failed, and does so again where that may help.
        JobStopped: `should_stop` said so.
    """

    def epoch(report: dict) -> str | None:
        attempt.log.epoch()
        attempt.live.trained(report)
        return STOP if should_stop() else None

    watch, processes = Watch(patience=BY_EPOCHS), attempt.session.processes
    _persist("flows.jobs:train_cell", attempt, epoch, watch, processes)


def evaluate_cell(attempt: Attempt) -> None:
    """Answer the validation split, once."""
    attempt.live.validates()
    scenes = itertools.count(1)
    _persist(
        "flows.jobs:evaluate_cell",
        attempt,
        lambda _: attempt.live.validates(f"{next(scenes)} scenes"),
        Watch(patience=BY_EPOCHS, urgent=True),
    )


def _persist(
    job: str,
    attempt: Attempt,
    on_event: Callable[[dict], str | None],
    watch: Watch,
    processes: int = 1,
) -> None:
    """Let a worker, or several together, do a job of a cell, again where the policy says so."""
    planned, session = attempt.planned, attempt.session
    log = planned.folder / WORKER_LOG
    watch = replace(watch, begun=attempt.taken, beat=attempt.beat, log=log)
    args = planned.cell.model_dump_json(), planned.key, session.accept_code

    def again(error: JobError) -> None:
        attempt.live.tries_again(str(error))
        attempt.log.attempts(error.attempts + 1)

    persist(lambda: call_team(session.pool, job, args, on_event, watch, processes), again)
