"""The trials of a search as flows: ask, train in a worker, tell; then the best with more seeds."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed

from flows.acquire import acquire
from flows.cells.attempt import Attempt
from flows.cells.claim import CellDone, CellTaken, Claim, claimed
from flows.describe import describe
from flows.held import Held
from flows.live.progress import Bar
from flows.planning.plan import PlannedCell
from flows.prepare import prepare
from flows.scenes import outcomes_of, waiting_threads
from flows.search.asked import Asked, Outcome
from flows.search.log import StudyLog
from flows.search.study import Study
from flows.search.trials import asked_for
from flows.session import Session
from flows.train import keep_failure, train_cell, wait_for_other_launcher
from flows.workers.pool import JobError, JobStopped, PoolClosed
from flows.workers.retries import persist


@flow(name="search", validate_parameters=False, task_runner=waiting_threads())
def search(study: Study, session: Session, log: StudyLog) -> None:
    """Prepare the data as the base reads it, then ask and tell until enough was asked for.

    What a trial reads beyond that, its own worker makes.
    """
    setting, base = study.cells.setting, study.cells.search.space.base
    acquire(setting, session)
    prepare(setting, base, session)
    describe(setting, base, session)
    done = len(asked_for(study.trials))
    with session.board.bar("trials", study.wanted, done) as bar:
        try:
            _ask_and_tell(study, session, log, bar, done)
        except BaseException:  # Ctrl-C; of SIGTERM Prefect makes another one
            session.pool.close()
            raise


@flow(name="confirm", validate_parameters=False, task_runner=waiting_threads())
def confirm(held: Held[Sequence[PlannedCell]], study: Study, session: Session) -> None:
    """Train the best trials' further seeds; one that fails costs only itself."""
    with session.board.bar("more seeds", len(held.value)) as bar:
        outcomes_of(
            lambda it: one_more_seed.submit(it, study, session), held.value, session, bar.advance
        )


def _ask_and_tell(study: Study, session: Session, log: StudyLog, bar: Bar, behind: int) -> None:
    """Keep every worker at a trial; a trial is told before the next is asked for.

    Args:
        behind: trials that the bar shows as done.
    """
    running: dict[Any, Asked] = {}
    while True:
        while len(running) < session.pool.size and (asked := study.next()) is not None:
            running[one_trial.submit(asked, study, session)] = asked
        log.trials(study.trials)
        before, behind = behind, len(asked_for(study.trials)) - len(running)
        bar.advance(behind - before)
        if not running:
            return
        ended = next(as_completed(list(running)))
        study.tell(running.pop(ended), ended.result())


@task(cache_policy=NO_CACHE, task_run_name="{asked.planned.label}")
def one_trial(asked: Asked, study: Study, session: Session) -> Outcome:
    """Train a trial's cell, unless the pruner ends it, and time it where that is asked for."""
    planned = asked.planned
    try:
        with study.alive(asked), claimed(planned):
            train_unevaluated(planned, study, session, asked.should_stop)
            if study.is_timed:
                time_cell(planned, session)
    except JobStopped:
        return Outcome("pruned")
    except JobError as error:
        return Outcome("failed", str(error))
    return Outcome("done")


@task(cache_policy=NO_CACHE, task_run_name="{planned.label}")
def one_more_seed(planned: PlannedCell, study: Study, session: Session) -> None:
    """Train a candidate's cell with a further seed; as `train_unevaluated`.

    As in a grid, a cell that waits for a worker is left to whichever launcher has one first.
    """
    while True:
        try:
            with Claim(planned, study.cells.code) as claim:
                claims = partial(_claim_untrained, claim, study)
                train_unevaluated(planned, study, session, claim=claims)
            return
        except CellDone:
            return
        except CellTaken:
            wait_for_other_launcher(planned, session)


def _claim_untrained(claim: Claim, study: Study) -> None:
    """Claim a cell; where another launcher trained it meanwhile there is nothing to do either."""
    claim.make()
    if study.cells.trained(claim.planned) is not None:
        raise CellDone


def time_cell(planned: PlannedCell, session: Session) -> None:
    """Measure a trained cell on held-out scenes, into its folder."""
    job, args = "flows.jobs:time_cell", (planned.cell.model_dump_json(), planned.key)
    persist(
        lambda: session.pool.call(job, *args, session.accept_code),
        lambda error: session.board.say(f"{planned.label} timed again, after: {error}"),
    )


def train_unevaluated(
    planned: PlannedCell,
    study: Study,
    session: Session,
    should_stop: Callable[[], bool] = lambda: False,
    claim: Callable[[], None] = lambda: None,
) -> None:
    """Train a cell in a run of its own; nothing where another launcher did so meanwhile.

    Args:
        should_stop: asked after each epoch; ends the training there.
        claim: called when a worker is free for it; what it raises is raised.

    Raises:
        JobError: it failed; its folder keeps why.
        JobStopped: `should_stop` said so.
        PoolClosed: everything ends.
    """
    if study.cells.trained(planned) is not None:
        return
    attempt = Attempt(planned, session, study.cells.code, claim)
    try:
        train_cell(attempt, should_stop)
    except JobError as error:
        keep_failure(attempt, error)
        raise
    except JobStopped:
        attempt.log.leave("KILLED")
        attempt.live.ends("stopped", "pruned")
        raise
    except PoolClosed:
        attempt.interrupt()
        raise
    attempt.log.leave("FINISHED")
    attempt.live.ends("done")
