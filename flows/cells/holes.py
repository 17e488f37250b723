"""Why a row of a table lacks numbers of ours, and what to do about it (decision 149)."""

from collections.abc import Iterable
from dataclasses import dataclass

from flows.cells.failed import Failure, read_failure
from flows.places import experiment_word, setting_word
from flows.planning.plan import Plan, PlannedCell
from hcfres.config.rows import Row


@dataclass(frozen=True)
class Hole:
    """What a row's missing cells come to."""

    remark: str = ""
    """Stands in the row; empty where nothing is missing."""
    note: str = ""
    """Stands below the table; empty where the remark says it all."""


def hole(row: Row, cells: Iterable[PlannedCell], plan: Plan) -> Hole:
    """Look at the cells of a row that are not done.

    Args:
        cells: of the row.
        plan: of the table.
    """
    cells = tuple(cells)
    missing = [cell for cell in cells if cell.state != "done"]
    failed = [(cell, why) for cell in missing if (why := read_failure(cell.folder)) is not None]
    command = f"`hcfres reproduce {experiment_word(plan.experiment.source)}"
    command += f" --setting {setting_word(plan.named or plan.setting.name)}"
    if failed:
        seeds = ",".join(str(cell.cell.seed) for cell, _ in failed)
        asked = f"Again: {command} --only {row.name} --seeds {seeds}`."
        told = " ".join(_told(cell, failure) for cell, failure in failed)
        return Hole(_failed(failed, whole=len(missing) == len(cells)), f"{told} {asked}")
    if len(missing) < len(cells):
        return Hole()
    alike = plan.typical(row.method.name)
    about = f", about {alike.seconds / 60:.0f} min" if alike else ""
    other = any(cell.state == "other code" for cell in cells)
    return Hole(
        f"{'made by other code' if other else 'not run'}: {command} --only {row.name}`{about}"
    )


def _failed(failed: list[tuple[PlannedCell, Failure]], whole: bool) -> str:
    if whole:
        return "failed: " + ", ".join(dict.fromkeys(failure.reason for _, failure in failed))
    told = [f"seed {cell.cell.seed} failed: {failure.reason}" for cell, failure in failed]
    return ", ".join(told)


def _told(cell: PlannedCell, failure: Failure) -> str:
    message = failure.message.replace("`", "'")
    if not failure.attempts:
        return f"{cell.label} was not begun, {failure.reason} failed: `{message}`."
    times = "" if failure.attempts == 1 else f", tried {failure.attempts} times"
    return f"{cell.label} failed on {failure.device}{times}: `{message}`."
