"""The cells of a grid: train, evaluate, log; each costs only itself when it fails."""

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from rich.markup import escape

from flows.logbook import CellLog
from flows.plan import Plan, PlannedCell
from flows.progress import Bar
from flows.scenes import for_each, waiting_threads
from flows.session import Session
from flows.workers import JobError
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.files import write_atomic


@flow(
    name="train and evaluate",
    validate_parameters=False,
    task_runner=waiting_threads(),
)
def train_cells(plan: Plan, session: Session) -> tuple[str, ...]:
    """Run the cells that are not done; the names of those that failed are returned."""
    outcomes = for_each(lambda cell: one_cell.submit(cell, session), plan.todo, session, "cells")
    return tuple(name for name in outcomes if name is not None)


@task(cache_policy=NO_CACHE, task_run_name="{planned.label}")
def one_cell(planned: PlannedCell, session: Session) -> str | None:
    """Train and evaluate one cell in a worker; its label when it failed, with the log kept."""
    log = CellLog(planned, session.tracker, session.grid, code_of_cells())
    try:
        train_cell(planned, session, log)
        evaluate_cell(planned, session)
    except JobError as error:
        session.board.console.print(f"[red]{planned.label} failed:[/] {escape(str(error))}")
        write_atomic(planned.folder / "error.log", f"{error}\n\n{error.details}".encode())
        log.fail()
        return planned.label
    log.finish()
    return None


def train_cell(planned: PlannedCell, session: Session, log: CellLog) -> None:
    """Train to the last epoch, going on from the last checkpoint, logging every epoch."""
    with session.board.bar(planned.label, planned.cell.setting.training.epochs) as bar:

        def epoch(told: dict) -> None:
            log.epochs()
            _advance(bar, told)

        cell = planned.cell.model_dump_json()
        job = "flows.jobs:train_cell"
        session.pool.call(job, cell, planned.key, session.accept_code, on_event=epoch)


def evaluate_cell(planned: PlannedCell, session: Session) -> None:
    """Answer the validation split, once."""
    scenes = planned.cell.setting.data
    total = scenes.rooms.val_rooms if scenes.rooms else 1
    with session.board.bar(f"{planned.label}, validation", total) as bar:
        session.pool.call(
            "flows.jobs:evaluate_cell",
            planned.cell.model_dump_json(),
            planned.key,
            session.accept_code,
            on_event=lambda scene: bar.advance(note=str(scene)),
        )


def _advance(bar: Bar, told: dict) -> None:
    held_out = told["held_out_miou"]
    score = f", held-out mIoU {held_out:.3f}" if held_out is not None else ""
    note = f"loss {told['losses']['total']:.3f}{score}, {told['seconds_left']:.0f} s left"
    bar.advance(note=note)
