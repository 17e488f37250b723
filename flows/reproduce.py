"""From a table's file to the table: plan, show the plan, run what is missing, tabulate.

An empty plan starts no server and imports neither Prefect, MLflow nor torch.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from rich.console import Console

from flows import make_home
from flows.cells.failed import read_failure
from flows.cells.finished import read_finished
from flows.places import experiment_file, table_files
from flows.planning.document import plan_document
from flows.planning.plan import Plan, PlanError, PlannedCell, accept, make_plan, write_plan
from flows.planning.preflight import require_processes, require_runnable
from flows.planning.view import show
from flows.prefect_server import start_server
from flows.tracking.run_notes import is_logged, open_stages
from flows.tracking.store import tracking_store
from flows.workers.job_log import NAME as WORKER_LOG
from flows.workers.sites import devices_of, require_site
from flows.workers.where import Where
from hcfres.config.rows import load_experiment
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.workspace import Workspace

MOST_CELLS = 20_000
"""Cells of a grid that are planned unasked."""
MOST_TOLD = 20
"""Cells that are not done and named one by one."""


@dataclass(frozen=True)
class Asked:
    """What the person at the keyboard asked for."""

    experiment: Path
    setting: str
    only: str | None = None
    seeds: tuple[int, ...] = ()
    accept_code: bool = False
    cells_at_most: int = MOST_CELLS
    """More are refused: a slip in a list of seeds is not a grid."""
    processes: int = 1
    """Workers that train one cell together."""
    on: Where = "local"


def tell_plan(asked: Asked, console: Console, as_json: bool = False) -> Plan:
    """Show what a grid consists of, what of it is done, and what the rest will take."""
    workspace = Workspace()
    plan = plan_of(asked, workspace)
    if plan.todo:
        plan = replace(plan, devices=devices_of(asked.on, workspace))
    told = plan_document(plan, asked.accept_code)
    if as_json:
        console.file.write(told.as_json() + "\n")
    else:
        show(told, console)
    return plan


def reproduce_and_report(asked: Asked, console: Console) -> Plan:
    """Run a grid to its end and write the reports, with holes where cells failed.

    Raises:
        PlanError: not everything that was asked for is done.
    """
    plan, workspace = tell_plan(asked, console), Workspace()
    make_home()
    write_plan(plan)
    if plan.todo:
        require_site(asked.on, workspace, asked.processes)
        start_server()
    if plan.todo or not_logged(plan):
        from flows.grid import run_grid  # noqa: PLC0415  imports Prefect, MLflow and torch

        run_grid(plan, workspace, console, asked.accept_code, asked.processes, asked.on)
        plan = plan_of(asked, workspace)
        write_plan(plan)
    from flows.report import write_grid_table, write_reports  # noqa: PLC0415  imports pandas

    setting = plan.experiment.setting_path(asked.setting)
    write_reports(console, str(setting), asked.accept_code, look=plan.look)
    if plan.experiment.source.resolve() not in table_files():
        write_grid_table(plan, console)
    require_done(plan)
    return plan


def plan_of(asked: Asked, workspace: Workspace) -> Plan:
    """Read the experiment and look its cells up on the disk.

    Raises:
        ConfigError: the experiment or what it names is wrong, or more processes are asked for than
            can train one of its cells.
        PlanError: it has more cells than were asked for.
    """
    experiment = load_experiment(experiment_file(asked.experiment))
    setting = experiment.setting(asked.setting)
    only = (asked.only,) if asked.only else ()
    require_few(experiment.count(setting, only, asked.seeds), asked)
    rows = [experiment.row(name) for name in only] or experiment.rows
    place = experiment.setting_path(asked.setting)
    require_runnable(experiment, setting, rows, workspace, place)
    require_processes(asked.processes, setting)
    plan = make_plan(
        experiment,
        setting,
        workspace,
        code_of_cells(),
        only=only,
        seeds=asked.seeds,
        look=cache(read_finished),
    )
    plan = replace(plan, named=asked.setting)
    return accept(plan) if asked.accept_code else plan


def require_few(cells: int, asked: Asked) -> None:
    """Refuse more cells than a person meant, before any is made.

    Raises:
        PlanError: it says how many they are, and how to confirm them.
    """
    if cells > asked.cells_at_most:
        raise PlanError(
            f"{asked.experiment} has {cells:,} cells with these seeds, more than the "
            f"{asked.cells_at_most:,} that are planned unasked. If they are meant, say so: "
            f"--cells-at-most {cells}"
        )


def require_done(plan: Plan) -> None:
    """Refuse to call a grid done that is not.

    Raises:
        PlanError: it names the cells that are not, and why.
    """
    logs = f"cells/KEY/{WORKER_LOG} and stages/STAGE-KEY/{WORKER_LOG}"
    told = [f"{cell.label}: {_why_not_done(cell)}" for cell in plan.todo]
    if len(told) == 1:
        raise PlanError(f"{told[0]}. The same command tries it again; {logs} tell more")
    if told:
        rest = [f"and {len(told) - MOST_TOLD} more"] if len(told) > MOST_TOLD else []
        lines = [f"{len(told)} of {len(plan.cells)} cells are not done:", *told[:MOST_TOLD], *rest]
        again = f"The same command tries only these again; {logs} tell more"
        raise PlanError("\n  ".join(lines) + f"\n{again}")


def _why_not_done(cell: PlannedCell) -> str:
    if (failure := read_failure(cell.folder)) is not None:
        return failure.message if failure.attempts else f"{failure.reason}: {failure.message}"
    return "the code was changed while it ran" if cell.state == "other code" else "not run"


def not_logged(plan: Plan) -> bool:
    """Tell whether a finished cell, a stage, or the grid itself is not wholly in MLflow yet."""
    store = tracking_store(plan.workspace)
    folders = [plan.folder, *(cell.folder for cell in plan.cells)]
    return not all(is_logged(folder, store) for folder in folders) or any(
        open_stages(plan.workspace)
    )
