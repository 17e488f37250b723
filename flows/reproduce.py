"""From a table's file to the table: plan, show the plan, run what is missing, tabulate.

An empty plan starts no server and imports neither Prefect, MLflow nor torch.
"""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from flows import make_home
from flows.machine import worker_count
from flows.places import experiment_file
from flows.plan import Plan, accept, make_plan, write_plan
from flows.preflight import require_runnable
from flows.report import write_reports
from hcfres.config.rows import load_experiment
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.workspace import Workspace

_STATES = {
    "done": "[green]done[/]",
    "partial": "[yellow]begun, will go on[/]",
    "missing": "to run",
    "other code": "[yellow]made by other code, will run again[/]",
}
_KEPT = "[yellow]made by other code, kept[/]"


@dataclass(frozen=True)
class Asked:
    """What the person at the keyboard asked for."""

    experiment: Path
    setting: str
    only: str | None = None
    seeds: tuple[int, ...] = ()
    accept_code: bool = False


def reproduce_and_report(asked: Asked, console: Console, stop_after_plan: bool = False) -> Plan:
    """Run a grid to its end and write the reports; with `stop_after_plan` show the plan only."""
    workspace = Workspace()
    plan = plan_of(asked, workspace)
    show(plan, console)
    if stop_after_plan:
        return plan
    make_home()
    write_plan(plan)
    if plan.todo or not_logged(plan):
        from flows.grid import run_grid  # noqa: PLC0415  imports Prefect, MLflow and torch

        run_grid(plan, workspace, console, asked.accept_code)
        plan = plan_of(asked, workspace)
        write_plan(plan)
    write_reports(console, asked.setting, asked.accept_code)
    return plan


def plan_of(asked: Asked, workspace: Workspace) -> Plan:
    """Read the experiment and look its cells up on the disk."""
    experiment = load_experiment(experiment_file(asked.experiment))
    setting = experiment.setting(asked.setting)
    only = (asked.only,) if asked.only else ()
    rows = [experiment.row(name) for name in only] or experiment.rows
    require_runnable(experiment, setting, rows, workspace)
    plan = make_plan(
        experiment,
        setting,
        workspace,
        code_of_cells(),
        only=only,
        seeds=asked.seeds,
    )
    return accept(plan) if asked.accept_code else plan


def not_logged(plan: Plan) -> bool:
    """Tell whether a finished cell, or the grid itself, is not wholly in MLflow yet."""
    folders = [plan.folder, *(cell.folder for cell in plan.cells)]
    return not all((folder / "LOGGED").exists() for folder in folders)


def show(plan: Plan, console: Console) -> None:
    """Print the cells, what is done of them, and an estimate of the rest."""
    title = f"{plan.experiment.config.title} on {plan.setting.title}"
    table = Table("row", "method", "seed", "key", "state", title=title, title_justify="left")
    for cell in plan.cells:
        state = _KEPT if cell.accepted else _STATES[cell.state]
        if cell.state == "done" and cell.seconds is not None:
            state += f" in {cell.seconds:.0f} s"
        table.add_row(
            cell.row.name, cell.row.method.title, str(cell.cell.seed), cell.key[:12], state
        )
    console.print(table)
    console.print(_summary(plan))


def _summary(plan: Plan) -> str:
    todo = len(plan.todo)
    if not todo:
        return f"all {len(plan.cells)} cells are done; nothing to run"
    workers = worker_count()
    seconds = plan.estimate_s(workers)
    about = (
        f"about {seconds / 60:.0f} min on {workers} workers, going by cells measured here"
        if seconds is not None
        else "no cell of this setting was measured here yet, so no estimate"
    )
    return f"{todo} of {len(plan.cells)} cells to run: {about}"
