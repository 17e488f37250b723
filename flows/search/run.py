"""Running a search: its session, its trials, the further seeds, and what MLflow is told."""

from dataclasses import replace

from rich.console import Console

from flows.held import Held
from flows.search.conclusion import conclude
from flows.search.flow import confirm, search
from flows.search.log import StudyLog
from flows.search.study import Study
from flows.search.winner import candidates
from flows.session import open_session
from flows.workers.where import Where


def run_search(study: Study, console: Console, on: Where = "local") -> None:
    """Try what is missing, give the best further seeds, and log the whole.

    Cells that fail cost only themselves: the report says which. A base whose trial failed gets no
    further seeds; the same command tries that trial again. While other launchers are at
    trials, the last of them does what comes after.
    """
    cells = study.cells
    warm = "flows.jobs:get_ready" if study.has_work() else None
    with open_session(cells.workspace, console, cells.accept_code, warm, on) as session:
        log = StudyLog(session.tracker, cells)
        with log.run.ends_if_failing():
            inside = replace(session, grid=log.run)
            if study.has_work():
                search(study, inside, log)
            log.trials(study.trials)
            if study.elsewhere():
                log.run.end()
                return
            found = candidates(cells, study.trials)
            missing = [cell for one in found if one.trial.state != "failed" for cell in one.missing]
            if missing:
                confirm(Held(missing), study, inside)
            log.finish(conclude(cells, study.trials))
