"""A search's winner against its base on validation, asked once in a study's life (decision 163)."""

from rich.console import Console

from flows.cells.records import read_records
from flows.report import build_table
from flows.reproduce import Asked, plan_of, reproduce_and_report
from flows.search.log import StudyLog
from flows.search.look import require_first_look
from flows.search.report import COMPARISON, Findings, write_report
from flows.search.winner import EXPERIMENT
from flows.tracking.embedded import in_use
from flows.tracking.tracker import Tracker
from flows.workers.where import Where
from hcfres.reporting.frame import results_frame
from hcfres.reporting.text import markdown
from hcfres.store.files import write_atomic


def compare(found: Findings, console: Console, on: Where = "local") -> None:
    """Evaluate the winner and the base with every seed, and put the table into the report.

    Where the base has won nothing is asked.

    Raises:
        PlanError: validation was asked about another winner.
        DataError: the note of it is damaged.
    """
    winner, folder, cells = found.winner, found.folder, found.cells
    if winner is None or winner.method == cells.search.space.base:
        return
    require_first_look(cells, winner.method)
    setting = folder / "settings" / f"{cells.setting.name}.toml"
    asked = Asked(folder / EXPERIMENT, str(setting), accept_code=cells.accept_code, on=on)
    reproduce_and_report(asked, console)
    plan = plan_of(asked, cells.workspace)
    table = build_table(plan, results_frame(read_records(cells.workspace)), plan.experiment.name)
    write_atomic(folder / COMPARISON, markdown(table).encode())
    write_report(found)
    with in_use(cells.workspace):
        StudyLog(Tracker(cells.workspace), cells).finish(found)
    told = f"{folder / COMPARISON}: the winner against the base"
    console.print(told, highlight=False, soft_wrap=True, markup=False)
