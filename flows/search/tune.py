"""From a search's file to its winner: plan, try, confirm, report; then one look at validation.

A search with nothing left to run starts no server and imports neither Prefect nor torch.
"""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from flows import make_home
from flows.places import experiment_file
from flows.planning.preflight import require_searchable
from flows.prefect_server import start_server
from flows.search.cells import SearchCells
from flows.search.conclusion import conclude
from flows.search.plan import SearchPlan, search_plan, show
from flows.search.report import REPORT, Findings, verdict
from flows.search.storage import known_trials, study_storage
from flows.search.study import Study
from flows.search.winner import candidates
from flows.tracking.run_notes import is_logged
from flows.tracking.store import tracking_store
from flows.workers.pool import JobError
from flows.workers.sites import devices_of, require_site
from flows.workers.where import Where
from hcfres.config.search_file import load_search
from hcfres.store.workspace import Workspace


@dataclass(frozen=True)
class Asked:
    """What the person at the keyboard asked for."""

    search: Path
    trials: int | None = None
    """None: as many as the file says."""
    setting: str | None = None
    storage: str | None = None
    """The address of a database that several launchers share; None: a journal of our own."""
    accept_code: bool = False
    compare: bool = False
    """Ask validation about the winner and the base, once."""
    on: Where = "local"


def tell_plan(asked: Asked, console: Console, as_json: bool = False) -> SearchPlan:
    """Show what a search consists of, what of it is done, and what the rest will take."""
    cells = cells_of(asked)
    workers = len(devices_of(asked.on, cells.workspace))
    plan = search_plan(cells, known_trials(cells, asked.storage), _wanted(asked, cells), workers)
    if as_json:
        console.file.write(plan.as_json() + "\n")
    else:
        show(plan, console)
    return plan


def tune(asked: Asked, console: Console) -> Findings | None:
    """Run a search to its winner, write its report and, where it is asked for, compare.

    Returns:
        None while other launchers are at trials of the same study.

    Raises:
        ConfigError: the search, or what it names, is wrong.
        PlanError: another launcher runs it, or its comparison was made with another winner.
        JobError: no winner can be named; what was trained is kept.
    """
    cells = cells_of(asked)
    tell_plan(asked, console)
    make_home()
    with study_storage(cells, asked.storage) as storage:
        study = Study(cells, storage, _wanted(asked, cells))
        study.begin()
        lacking = any(one.missing for one in candidates(cells, study.trials))
        logged = is_logged(cells.folder, tracking_store(cells.workspace))
        if study.has_work() or lacking or not logged:
            require_site(asked.on, cells.workspace)
            start_server()
            from flows.search.run import run_search  # noqa: PLC0415  imports Prefect, MLflow, torch

            run_search(study, console, asked.on)
        if study.runs_elsewhere():
            console.print("other launchers are still at trials; the last of them names the winner")
            return None
        found = conclude(cells, study.trials)
    _tell(found, study.exhausted, console)
    if asked.compare:
        from flows.search.comparison import compare  # noqa: PLC0415  only where it is asked for

        compare(found, console, asked.on)
    return found


def cells_of(asked: Asked) -> SearchCells:
    """Read a search and its setting, and check that all of it can be run here."""
    workspace = Workspace()
    search = load_search(experiment_file(asked.search))
    setting = search.setting(asked.setting)
    require_searchable(search, setting, workspace)
    return SearchCells(search, setting, workspace, asked.accept_code)


def _wanted(asked: Asked, cells: SearchCells) -> int:
    return asked.trials or cells.search.config.trials


def _tell(found: Findings, exhausted: bool, console: Console) -> None:
    """Print who won and what to do next.

    Raises:
        JobError: nobody did.
    """
    whole = {trial.key for trial in found.trials if trial.state != "failed"}
    for trial in found.trials:
        if not trial.reason or trial.key is None or trial.key in whole:
            continue
        console.print(f"[yellow]trial {trial.number} failed:[/] {escape(trial.reason)}")
    for one in (one for one in found.candidates if one.has_failed):
        console.print(f"[yellow]trial {one.trial.number} cannot win:[/] a further seed failed")
    if exhausted:
        console.print("the space holds nothing that was not asked for yet")
    console.print(f"report: {found.folder / REPORT}", highlight=False, soft_wrap=True)
    if found.winner is None:
        raise JobError(
            "no winner is named: a score of the best trials is missing; the cells' error.log say "
            "why. Run the same command again to try only these",
            "",
        )
    console.print(verdict(found), highlight=False, soft_wrap=True, markup=False)
