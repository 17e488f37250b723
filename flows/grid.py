"""The whole line as one flow: data, superpoints, features, training, evaluation, the table."""

import time
from dataclasses import replace
from pathlib import Path

from prefect import flow
from rich.console import Console

from flows.cells.claim import claimed
from flows.cells.finished import DONE
from flows.cells.records import read_records
from flows.figures import write_figures
from flows.groundwork import lay_groundwork, leave_out, stopped_by
from flows.held import Held
from flows.live.artefacts import leave_artefacts
from flows.live.expectation import expectation
from flows.places import DEFAULT_SETTING, EXPERIMENTS, REPORTS
from flows.planning.plan import Plan, PlannedCell, refreshed
from flows.report import grid_table
from flows.scenes import waiting_threads
from flows.session import Session, open_session
from flows.tracking.logbook import CellLog
from flows.tracking.run_notes import LOGGED, is_logged, mark_logged, open_stages
from flows.tracking.store import tracking_store
from flows.tracking.tracked_run import TrackedRun
from flows.tracking.tracker import flatten
from flows.train import train_cells
from flows.workers.where import Where
from hcfres.pipeline.versions import code_of_cells
from hcfres.reporting.frame import results_frame
from hcfres.reporting.text import markdown
from hcfres.store.files import write_atomic
from hcfres.store.workspace import Workspace


@flow(name="reproduce", validate_parameters=False, task_runner=waiting_threads())
def reproduce(held: Held[Plan], session: Session) -> None:
    """Run what is missing of a grid, stage by stage."""
    plan = held.value
    gaps = lay_groundwork(plan, session)
    ready = []
    for cell in plan.cells:
        gap = stopped_by(gaps, cell) if cell.state != "done" else None
        if gap is None:
            ready.append(cell)
        else:
            leave_out(cell, gap, session)
    if any(cell.state != "done" for cell in ready):
        train_cells(Held(replace(plan, cells=tuple(ready))), session)
    leave_artefacts(plan, session)


def run_grid(
    plan: Plan,
    workspace: Workspace,
    console: Console,
    accept_code: bool,
    processes: int = 1,
    on: Where = "local",
) -> None:
    """Run a plan's missing cells and log everything; finished grids only get their logs.

    Cells that fail cost only themselves: why is in their folders, and the table says so.
    """
    warm = "flows.jobs:get_ready" if plan.todo else None
    where: Where = on if plan.todo else "local"
    with open_session(workspace, console, accept_code, warm, where) as session:
        grid = open_grid(plan, session)
        with grid.ends_if_failing():
            inside = replace(session, grid=grid, processes=processes)
            session.board.expect(expectation(plan, accept_code, session.pool.size, processes))
            if plan.todo:
                reproduce(Held(plan), inside)
            for cell in plan.cells:
                log_finished(cell, inside)
            end_stages(session)
            close_grid(refreshed(plan, code_of_cells()), grid, workspace)


def log_finished(cell: PlannedCell, session: Session) -> None:
    """Log a cell that is done and not wholly in MLflow, as soon as no other launcher sees to it."""

    def lacks() -> bool:
        done = (cell.folder / DONE).exists()
        return done and not is_logged(cell.folder, session.tracker.store)

    if lacks():
        with claimed(cell):
            if lacks():
                CellLog(cell, session.tracker, session.grid).finish()


def end_stages(session: Session) -> None:
    """End the runs of stages that a killed launcher left open."""
    for folder in open_stages(session.workspace):
        session.tracker.end_open(folder)
        mark_logged(folder, session.tracker.store)


def open_grid(plan: Plan, session: Session) -> TrackedRun:
    """Open the grid's run, the parent of its cells."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    (plan.folder / LOGGED).unlink(missing_ok=True)
    name = f"{plan.experiment.config.title} ({plan.setting.name})"
    grid = session.tracker.run(plan.folder, name, "grid")
    grid.tags({"hcfres.experiment": plan.experiment.name, "hcfres.setting": plan.setting.name})
    grid.new_params({"cells": len(plan.cells), **flatten(plan.setting)})
    return grid


def close_grid(plan: Plan, grid: TrackedRun, workspace: Workspace) -> None:
    """Put the table, the rows' means and the figures onto the grid's run, which ends with it."""
    whole = not plan.todo
    frame = results_frame(read_records(workspace))
    grid.artefacts([plan.folder / "plan.json"])
    table = markdown(grid_table(plan, frame))
    grid.text(table, "table.md")
    grid.describe(table)
    for row in plan.experiment.rows:
        cells = [cell for cell in plan.cells if cell.row.name == row.name]
        keys = [cell.key for cell in cells if cell.state == "done"]
        found = frame[frame["key"].isin(keys)]
        for score in ("miou", "acc_25", "acc_50"):
            name = f"val/all/{score}"
            if len(found) and name in found:
                mean = f"mean/{row.name.replace('+', '_')}/{score}"
                at_ms = max(int(time.time() * 1000), grid.last_ms(mean) + 1)
                grid.metrics({mean: float(found[name].mean())}, 0, at_ms)
    figures: tuple[Path, ...] = write_figures(plan, workspace, plan.folder / "figures")
    grid.artefacts(figures, "figures")
    shipped = plan.experiment.source.resolve().parent == EXPERIMENTS
    if whole and shipped and plan.setting.name == DEFAULT_SETTING:
        for figure in figures:
            write_atomic(REPORTS / "figures" / figure.name, figure.read_bytes())
    grid.end("FINISHED" if whole else "FAILED")
    if whole:
        mark_logged(plan.folder, tracking_store(workspace))
