"""What a grid leaves in Prefect's pages: how far it is, its cells, and where else to look."""

import contextlib
import itertools
import re
import time
from collections.abc import Callable
from typing import cast
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_link_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException

from flows.cells.failed import read_failure
from flows.planning.plan import Plan, PlannedCell, refreshed
from flows.report import reports_folder
from flows.session import Session
from hcfres.pipeline.versions import code_of_cells

UI_PORT = 5000
"""On which `hcfres ui` shows the embedded database, unless it is told another."""
_SECONDS_BETWEEN = 2.0
"""Updates of a grid's progress; each asks Prefect's server."""


def show_progress(plan: Plan) -> Callable[[], None]:
    """Leave the share of a grid's cells that are through; call what is returned after each cell."""
    total = len(plan.cells)
    before = total - len(plan.todo)
    name = f"{_key(plan)}-progress"
    shown = cast(UUID, create_progress_artifact(100 * before / total, name, _title(plan)))
    through, told = itertools.count(before + 1), time.monotonic()

    def advance() -> None:
        nonlocal told
        done, now = next(through), time.monotonic()
        if done == total or now - told > _SECONDS_BETWEEN:
            told = now
            # a page may stand still, trainings do not
            with contextlib.suppress(httpx.HTTPError, PrefectException):
                update_progress_artifact(shown, 100 * done / total)

    return advance


def leave_artefacts(plan: Plan, session: Session) -> None:
    """Leave a table of the cells, and links to the grid's run in MLflow and to the reports."""
    cells = refreshed(plan, code_of_cells()).cells
    create_table_artifact([_told(cell) for cell in cells], f"{_key(plan)}-cells", _title(plan))
    if session.grid is not None:
        store = session.tracker.store
        server = store.shown if store.kind == "server" else f"http://127.0.0.1:{UI_PORT}"
        page = f"{server}/#/experiments/{session.grid.experiment_id}/runs/{session.grid.run_id}"
        create_link_artifact(page, "MLflow: runs, curves, files", f"{_key(plan)}-mlflow")
    folder = reports_folder(plan.setting.name, session.workspace)
    create_link_artifact(folder.absolute().as_uri(), str(folder), f"{_key(plan)}-reports")


def _key(plan: Plan) -> str:
    """What Prefect takes as a key: small letters, digits and hyphens."""
    return re.sub("[^a-z0-9]+", "-", f"{plan.experiment.name}-{plan.setting.name}".lower())


def _title(plan: Plan) -> str:
    return f"{plan.experiment.config.title} on {plan.setting.title}"


def _told(cell: PlannedCell) -> dict[str, str]:
    failure = read_failure(cell.folder) if cell.state != "done" else None
    return {
        "row": cell.row.name,
        "seed": str(cell.cell.seed),
        "state": cell.state if failure is None else f"failed: {failure.reason}",
        "why": "" if failure is None else failure.message,
        "seconds": "" if cell.seconds is None else f"{cell.seconds:.0f}",
        "key": cell.key,
    }
