"""From a search's file to its winner: plan, try, confirm, report; then one look at validation.

A search with nothing left to run starts no server and imports neither Prefect nor torch.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from optuna.storages import BaseStorage
from rich.console import Console
from rich.markup import escape

from flows import make_home
from flows.conclusion import conclude
from flows.optuna_parts import mend_journal, open_storage
from flows.places import experiment_file
from flows.plan import PlanError
from flows.prefect_server import start_server
from flows.preflight import require_searchable
from flows.run_notes import is_logged
from flows.search_cells import SearchCells
from flows.study import Study
from flows.study_records import read_trials
from flows.tracking_store import tracking_store
from flows.trials import Trial
from flows.tune_plan import SearchPlan, search_plan, show
from flows.tune_report import Findings, verdict
from flows.winner import candidates
from flows.workers import JobError
from hcfres.config.search_file import load_search
from hcfres.store.workspace import Workspace

JOURNAL, LOCK = "trials.journal", "search.lock"


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


def tell_plan(asked: Asked, console: Console, as_json: bool = False) -> SearchPlan:
    """Show what a search consists of, what of it is done, and what the rest will take."""
    cells = cells_of(asked)
    folder = study_folder(cells)
    trials = _read(cells, folder, asked.storage)
    plan = search_plan(cells, trials, _wanted(asked, cells), folder)
    if as_json:
        console.file.write(plan.as_json() + "\n")
    else:
        show(plan, console)
    return plan


def tune(asked: Asked, console: Console) -> Findings:
    """Run a search to its winner, write its report and, where it is asked for, compare.

    Raises:
        ConfigError: the search, or what it names, is wrong.
        PlanError: another launcher runs it, or its comparison was made with another winner.
        JobError: no winner can be named; what was trained is kept.
    """
    cells = cells_of(asked)
    folder, wanted = study_folder(cells), _wanted(asked, cells)
    tell_plan(asked, console)
    make_home()
    with study_storage(folder, asked.storage) as storage:
        study = Study(cells, storage, wanted)
        study.begin()
        lacking = any(one.missing for one in candidates(cells, study.trials))
        logged = is_logged(folder, tracking_store(cells.workspace))
        if study.has_work() or lacking or not logged:
            start_server()
            from flows.tune_run import run_search  # noqa: PLC0415  imports Prefect, MLflow, torch

            run_search(study, folder, console)
        found = conclude(cells, study.trials, folder)
    _tell(found, study.exhausted, console)
    if asked.compare:
        from flows.comparison import compare  # noqa: PLC0415  only where it is asked for

        compare(found, console)
    return found


def cells_of(asked: Asked) -> SearchCells:
    """Read a search and its setting, and check that all of it can be run here."""
    workspace = Workspace()
    search = load_search(experiment_file(asked.search))
    setting = search.setting(asked.setting)
    require_searchable(search, setting, workspace)
    return SearchCells(search, setting, workspace, asked.accept_code)


def study_folder(cells: SearchCells) -> Path:
    """Name the folder of a search's trials, report and winner."""
    name = f"{cells.search.name}-{cells.setting.name}-{cells.identity}"
    return cells.workspace.studies / name


@contextlib.contextmanager
def study_storage(folder: Path, address: str | None) -> Iterator[BaseStorage]:
    """Open the trials: those of a shared database, or a journal that is ours while inside.

    Raises:
        PlanError: another launcher has the journal.
    """
    if address is not None:
        yield open_storage(address)
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(folder / LOCK).acquire(timeout=0)
    except Timeout:
        raise PlanError(
            f"{folder}: another launcher runs this search. Several may where they share a "
            "database: --storage postgresql+psycopg2://..., for each of them"
        ) from None
    with lock:
        mend_journal(folder / JOURNAL)
        yield open_storage(str(folder / JOURNAL))


def _wanted(asked: Asked, cells: SearchCells) -> int:
    return asked.trials or cells.search.config.trials


def _read(cells: SearchCells, folder: Path, address: str | None) -> tuple[Trial, ...]:
    """Read the trials so far; nothing is made."""
    place = address or str(folder / JOURNAL)
    if address is None and not (folder / JOURNAL).exists():
        return ()
    return read_trials(cells, open_storage(place))


def _tell(found: Findings, exhausted: bool, console: Console) -> None:
    """Print who won and what to do next.

    Raises:
        JobError: nobody did.
    """
    failed = [trial for trial in found.trials if trial.state == "failed" and trial.reason]
    for trial in failed:
        console.print(f"[yellow]trial {trial.number} failed:[/] {escape(trial.reason)}")
    if exhausted:
        console.print("the space holds nothing that was not asked for yet")
    console.print(f"report: {found.folder / 'report.md'}", highlight=False, soft_wrap=True)
    if found.winner is None:
        raise JobError(
            "no winner is named: a score of the best trials is missing; the cells' error.log say "
            "why. Run the same command again to try only these",
            "",
        )
    console.print(verdict(found), highlight=False, soft_wrap=True, markup=False)
