"""A search's winner against its base on validation, asked once in a study's life (decision 163)."""

import json
from pathlib import Path

from rich.console import Console

from flows.cells.records import read_records
from flows.planning.plan import PlanError
from flows.report import build_table
from flows.reproduce import Asked, plan_of, reproduce_and_report
from flows.search.log import StudyLog
from flows.search.report import COMPARISON, Findings, write_report
from flows.search.winner import EXPERIMENT
from flows.tracking.tracker import Tracker
from flows.workers.where import Where
from hcfres.config.identity import digest
from hcfres.reporting.frame import results_frame
from hcfres.reporting.text import markdown
from hcfres.store.files import write_atomic

COMPARED = "compared.json"
"""In a study's folder: whom validation was asked about."""


def compare(found: Findings, console: Console, on: Where = "local") -> None:
    """Evaluate the winner and the base with every seed, and put the table into the report.

    Where the base has won nothing is asked.

    Raises:
        PlanError: validation was asked about another winner.
    """
    winner, folder, cells = found.winner, found.folder, found.cells
    if winner is None or winner.method == cells.search.space.base:
        return
    require_first_look(folder, digest(winner.method), winner.method.name)
    setting = folder / "settings" / f"{cells.setting.name}.toml"
    asked = Asked(folder / EXPERIMENT, str(setting), accept_code=cells.accept_code, on=on)
    reproduce_and_report(asked, console)
    plan = plan_of(asked, cells.workspace)
    table = build_table(plan, results_frame(read_records(cells.workspace)), plan.experiment.name)
    write_atomic(folder / COMPARISON, markdown(table).encode())
    write_report(found)
    StudyLog(Tracker(cells.workspace), cells).finish(found)
    console.print(f"{folder / COMPARISON}: the winner against the base", highlight=False)


def require_first_look(folder: Path, identity: str, name: str) -> None:
    """Note that validation is about to be asked about a winner; going on with the same is free.

    Raises:
        PlanError: it was asked about another: choosing by a second look is choosing by validation.
    """
    note = folder / COMPARED
    if note.exists():
        told = json.loads(note.read_text())
        if told["identity"] != identity:
            raise PlanError(
                f"{note}: validation was asked about {told['winner']}, and the winner is now "
                f"{name}. A second look would choose by validation; another seed of the sampler "
                "is another study"
            )
        return
    write_atomic(note, json.dumps({"winner": name, "identity": identity}).encode())
