"""From a search's file to its winner: plan, try, confirm, report; then one look at validation.

A search with nothing left to run starts no server and imports neither Prefect nor torch.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from flows import make_home
from flows.cells.trained import hardware_of
from flows.places import experiment_file
from flows.planning.preflight import require_searchable
from flows.prefect_server import start_server
from flows.search.cells import SearchCells
from flows.search.conclusion import conclude
from flows.search.ending import require_alone, require_done, wait_for_lost
from flows.search.plan import SearchPlan, search_plan
from flows.search.plan_view import show
from flows.search.report import REPORT, Findings, verdict
from flows.search.storage import known_trials, study_storage
from flows.search.study import Study
from flows.search.winner import candidates
from flows.tracking.run_notes import is_logged
from flows.tracking.store import tracking_store
from flows.workers.sites import devices_of, require_site
from flows.workers.where import Where
from hcfres.config.loading import ConfigError
from hcfres.config.search import MOST_TRIALS
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
    return _tell_plan(asked, cells_of(asked), console, as_json)


def tune(asked: Asked, console: Console) -> Findings:
    """Run a search to its winner, write its report and, where it is asked for, compare.

    Raises:
        ConfigError: the search, or what it names, is wrong.
        PlanError: another launcher runs it or is at trials of it, trials or further seeds failed,
            or its comparison was made with another winner.
        JobError: no winner can be named; what was trained is kept.
        StoreError: the trials' database went away for too long.
    """
    cells = cells_of(asked)
    _tell_plan(asked, cells, console)
    make_home()
    with study_storage(cells, asked.storage) as storage:
        study = Study(cells, storage, _wanted(asked, cells))
        study.begin()
        _run(study, console, asked.on)
        while study.elsewhere() and wait_for_lost(study, console):
            _run(study, console, asked.on)
        require_alone(study, asked.compare)
        found = conclude(cells, study.trials)
    _tell(found, study.exhausted, console)
    require_done(found, asked.compare)
    if asked.compare:
        from flows.search.comparison import compare  # noqa: PLC0415  only where it is asked for

        compare(found, console, asked.on)
    return found


def cells_of(asked: Asked) -> SearchCells:
    """Read a search and its setting, and check that all of it can be run here."""
    workspace = Workspace()
    search = load_search(experiment_file(asked.search))
    setting = search.setting(asked.setting)
    require_searchable(search, setting, workspace, search.setting_path(asked.setting))
    devices = devices_of(asked.on, workspace)
    cells = SearchCells(search, setting, workspace, asked.accept_code, devices=devices)
    return replace(cells, hardware=hardware_of(cells.kind)) if asked.on == "local" else cells


def _wanted(asked: Asked, cells: SearchCells) -> int:
    """How many different cells to ask for.

    Raises:
        ConfigError: more than a person can mean.
    """
    if (asked.trials or 0) > MOST_TRIALS:
        raise ConfigError(f"--trials {asked.trials:,} is more than the {MOST_TRIALS:,} that may be")
    wanted = asked.trials or cells.search.config.trials
    confirm = cells.search.config.confirm
    more = (min(confirm.best, wanted) + 1) * len(confirm.seeds)
    if wanted + more > MOST_TRIALS:
        raise ConfigError(
            f"{cells.search.source}: {wanted:,} trials and up to {more:,} cells with further seeds "
            f"are more than the {MOST_TRIALS:,} that may be: lower confirm.best, confirm.seeds or "
            "the trials"
        )
    return wanted


def _tell_plan(
    asked: Asked, cells: SearchCells, console: Console, as_json: bool = False
) -> SearchPlan:
    plan = search_plan(cells, known_trials(cells, asked.storage), _wanted(asked, cells))
    if as_json:
        console.file.write(plan.as_json() + "\n")
    else:
        show(plan, console)
    return plan


def _run(study: Study, console: Console, on: Where) -> None:
    """Run what is missing, and log what is not logged yet; nothing where neither is."""
    cells = study.cells
    lacking = any(one.missing for one in candidates(cells, study.trials))
    logged = is_logged(cells.folder, tracking_store(cells.workspace))
    if study.has_work() or lacking or not logged:
        require_site(on, cells.workspace)
        start_server()
        from flows.search.run import run_search  # noqa: PLC0415  imports Prefect, MLflow, torch

        run_search(study, console, on)


def _tell(found: Findings, exhausted: bool, console: Console) -> None:
    """Print where the report is, and who won."""
    if exhausted:
        console.print("the space holds nothing that was not asked for yet")
    report = f"report: {found.folder / REPORT}"
    console.print(report, highlight=False, soft_wrap=True, markup=False)
    if found.winner is not None:
        console.print(verdict(found), highlight=False, soft_wrap=True, markup=False)
