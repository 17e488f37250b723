"""The whole line as one flow: data, superpoints, features, training, evaluation, the table."""

import time
from dataclasses import replace
from pathlib import Path

from prefect import flow
from rich.console import Console

from flows.acquire import acquire
from flows.describe import describe, neediest
from flows.figures import write_figures
from flows.logbook import CellLog
from flows.places import DEFAULT_SETTING, REPORTS
from flows.plan import Plan, finished
from flows.prepare import prepare
from flows.report import grid_table
from flows.run_notes import LOGGED, is_logged, mark_logged
from flows.scenes import waiting_threads
from flows.session import Session, open_session
from flows.tracking import TrackedRun, flatten
from flows.tracking_store import tracking_store
from flows.train import train_cells
from flows.workers import JobError
from hcfres.reporting.frame import read_records, results_frame
from hcfres.reporting.text import markdown
from hcfres.store.files import write_atomic
from hcfres.store.workspace import Workspace


@flow(name="reproduce", validate_parameters=False, task_runner=waiting_threads())
def reproduce(plan: Plan, session: Session) -> tuple[str, ...]:
    """Run what is missing of a grid, stage by stage; the labels of failed cells are returned."""
    gaps = lay_groundwork(plan, session)
    stopped = {cell: gap for cell in plan.todo if (gap := stopped_by(gaps, cell)) is not None}
    for cell, gap in stopped.items():
        leave_out(cell, gap, session)
    ready = replace(plan, cells=tuple(cell for cell in plan.cells if cell not in stopped))
    failed = (*(cell.label for cell in stopped), *train_cells(ready, session))
    leave_artefacts(plan, session)
    return failed


def run_grid(plan: Plan, workspace: Workspace, console: Console, accept_code: bool) -> None:
    """Run a plan's missing cells and log everything; finished grids only get their logs.

    Cells that fail cost only themselves: why is in their folders, and the table says so.
    """
    warm = "flows.jobs:get_ready" if plan.todo else None
    with open_session(workspace, console, accept_code, warm) as session:
        grid = open_grid(plan, session)
        inside = replace(session, grid=grid)
        session.board.expect(expected(plan, accept_code))
        failed = reproduce(plan, inside) if plan.todo else ()
        for cell in plan.cells:
            if is_done(cell) and not is_logged(cell.folder, session.tracker.store):
                CellLog(cell, session.tracker, grid).finish()
        close_grid(finished(plan), grid, workspace, whole=not failed)


def open_grid(plan: Plan, session: Session) -> TrackedRun:
    """Open the grid's run, the parent of its cells."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    (plan.folder / LOGGED).unlink(missing_ok=True)
    name = f"{plan.experiment.config.title} ({plan.setting.name})"
    grid = session.tracker.run(plan.folder, name, "grid")
    grid.tags({"hcfres.experiment": plan.experiment.name, "hcfres.setting": plan.setting.name})
    grid.params({"cells": len(plan.cells), **flatten(plan.setting)})
    return grid


def close_grid(plan: Plan, grid: TrackedRun, workspace: Workspace) -> None:
    """Put the table, the rows' means and the figures onto the grid's run."""
    frame = results_frame(read_records(workspace.cells))
    grid.artefacts([plan.folder / "plan.json"])
    table = markdown(grid_table(plan, frame))
    grid.text(table, "table.md")
    grid.describe(table)
    for row in plan.experiment.rows:
        keys = [cell.key for cell in plan.cells if cell.row.name == row.name]
        found = frame[frame["key"].isin(keys)]
        for score in ("miou", "acc_25", "acc_50"):
            name = f"val/all/{score}"
            if len(found) and name in found:
                grid.metrics(
                    {f"mean/{row.name.replace('+', '_')}/{score}": float(found[name].mean())},
                    0,
                    int(time.time() * 1000),
                )
    figures: tuple[Path, ...] = write_figures(plan, workspace, plan.folder / "figures")
    grid.artefacts(figures, "figures")
    if plan.setting.name == DEFAULT_SETTING:
        for figure in figures:
            write_atomic(REPORTS / "figures" / figure.name, figure.read_bytes())
    grid.end()
    mark_logged(plan.folder, tracking_store(workspace))
