"""What a grid's cells share; what of it fails costs the cells that read it (decision 148)."""

from dataclasses import dataclass

from flows.acquire import acquire
from flows.cells.claim import is_claimed
from flows.cells.failed import Failure, now, one_line, write_failure
from flows.describe import covers, describe, neediest
from flows.live.expectation import SENTENCES
from flows.planning.plan import Plan, PlannedCell
from flows.prepare import prepare
from flows.session import Session
from flows.stage_failures import SceneFailure, StageError
from flows.tracking.logbook import CellLog
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.pipeline.slices import stage_names
from hcfres.store.files import write_atomic


@dataclass(frozen=True)
class Gap:
    """Something that cells need and do not have."""

    method: MethodConfig
    """As which it was made."""
    failure: SceneFailure

    def stops(self, cell: PlannedCell) -> bool:
        """Whether the cell reads it."""
        method = cell.cell.method
        needed = (*stage_names(method), SENTENCES)
        return self.failure.stage in needed and covers(self.method, method)


def lay_groundwork(plan: Plan, session: Session) -> tuple[Gap, ...]:
    """Put the dataset and every stage that unfinished cells need onto the disk.

    Returns:
        What failed; everything else is there.

    Raises:
        JobError: the dataset itself is not whole.
    """
    acquire(plan.setting, session)
    methods = neediest(tuple(cell.cell.method for cell in plan.todo))
    return tuple(
        Gap(method, failure)
        for method in methods
        for failure in _stages(plan.setting, method, session)
    )


def stopped_by(gaps: tuple[Gap, ...], cell: PlannedCell) -> Gap | None:
    """The first gap that keeps a cell from being begun."""
    return next((gap for gap in gaps if gap.stops(cell)), None)


def leave_out(cell: PlannedCell, gap: Gap, session: Session) -> None:
    """Say that a cell is not begun, and keep why; a run that was left open ends with it."""
    failed, error = gap.failure, gap.failure.error
    why = one_line(str(error))
    session.board.cell(cell.key, cell.label).ends("failed", f"not begun, {failed} failed: {why}")
    told = f"{failed} failed: {error}\n\n{error.details}"
    write_atomic(cell.folder / "error.log", told.encode())
    setting, seed = cell.cell.setting.name, cell.cell.seed
    write_failure(cell.folder, Failure(setting, seed, str(failed), why, 0, "", now()))
    if not is_claimed(cell) and session.tracker.left_open(cell.folder):
        CellLog(cell, session.tracker, session.grid).fail()


def _stages(
    setting: SettingConfig, method: MethodConfig, session: Session
) -> tuple[SceneFailure, ...]:
    failed: tuple[SceneFailure, ...] = ()
    try:
        prepare(setting, method, session)
    except StageError as error:
        failed = error.failures
    try:
        describe(setting, method, session, frozenset(failure.scene for failure in failed))
    except StageError as error:
        failed += error.failures
    return failed
