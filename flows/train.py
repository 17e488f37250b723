"""The cells of a grid: train, evaluate, log; each costs only itself when it fails."""

import itertools
from collections.abc import Callable
from dataclasses import replace

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.cells.failed import Failure, forget_failure, now, one_line, write_failure
from flows.live.artefacts import show_progress
from flows.planning.plan import Plan, PlannedCell
from flows.scenes import outcomes_of, waiting_threads
from flows.session import Session
from flows.tracking.logbook import CellLog
from flows.workers.job_log import NAME as WORKER_LOG
from flows.workers.joint_job import call_team
from flows.workers.patience import BY_EPOCHS
from flows.workers.pool import STOP, JobError, PoolClosed, Watch
from flows.workers.retries import persist
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.files import write_atomic


@flow(
    name="train and evaluate",
    validate_parameters=False,
    task_runner=waiting_threads(),
)
def train_cells(plan: Plan, session: Session) -> tuple[str, ...]:
    """Run the cells that are not done; the names of those that failed are returned."""
    outcomes = outcomes_of(
        lambda cell: one_cell.submit(cell, session), plan.todo, session, show_progress(plan)
    )
    pairs = zip(plan.todo, outcomes, strict=True)
    return tuple(cell.label for cell, outcome in pairs if isinstance(outcome, JobError))


@task(cache_policy=NO_CACHE, task_run_name="{planned.label}")
def one_cell(planned: PlannedCell, session: Session) -> None:
    """Train and evaluate one cell in a worker.

    Raises:
        JobError: it failed; why is kept in its folder and on its run.
        PoolClosed: everything ends; the cell goes on from its checkpoint when asked for again.
    """
    log = CellLog(planned, session.tracker, session.grid, code_of_cells())
    live = session.board.cell(planned.key, planned.label)
    try:
        train_cell(planned, session, log)
        evaluate_cell(planned, session, log)
    except JobError as error:
        keep_failure(planned, error, session, log)
        raise
    except PoolClosed:
        log.interrupt()
        live.ends("stopped")
        raise
    log.finish()
    live.ends("done")


def keep_failure(planned: PlannedCell, error: JobError, session: Session, log: CellLog) -> None:
    """Say that a cell failed, and keep why."""
    session.board.cell(planned.key, planned.label).ends("failed", str(error))
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
    log.fail()


def train_cell(
    planned: PlannedCell,
    session: Session,
    log: CellLog,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train to the last epoch, going on from the last checkpoint, logging every epoch.

    Args:
        should_stop: asked after each epoch; ends the training there.

    Raises:
        JobError: the training failed, and does so again where that may help.
        JobStopped: `should_stop` said so.
    """
    live = session.board.cell(planned.key, planned.label)
    forget_failure(planned.folder)

    def epoch(report: dict) -> str | None:
        log.epochs()
        live.trained(report)
        return STOP if should_stop() else None

    watch = Watch(patience=BY_EPOCHS)
    _persist("flows.jobs:train_cell", planned, session, log, epoch, watch, session.processes)


def evaluate_cell(planned: PlannedCell, session: Session, log: CellLog) -> None:
    """Answer the validation split, once."""
    live = session.board.cell(planned.key, planned.label)
    live.validates()
    scenes = itertools.count(1)
    _persist(
        "flows.jobs:evaluate_cell",
        planned,
        session,
        log,
        lambda _: live.validates(f"{next(scenes)} scenes"),
        Watch(urgent=True),
    )


def _persist(
    job: str,
    planned: PlannedCell,
    session: Session,
    log: CellLog,
    on_event: Callable[[dict], str | None],
    watch: Watch,
    processes: int = 1,
) -> None:
    """Let a worker, or several together, do a job of a cell, again where the policy says so."""
    live = session.board.cell(planned.key, planned.label)
    watch = replace(watch, begun=live.taken, beat=log.system, log=planned.folder / WORKER_LOG)
    args = planned.cell.model_dump_json(), planned.key, session.accept_code

    def again(error: JobError) -> None:
        live.tries_again(str(error))
        log.attempts(error.attempts + 1)

    persist(lambda: call_team(session.pool, job, args, on_event, watch, processes), again)
