"""A plan as one value: what the table shows and what `--json` prints."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

from flows.planning.estimate import Disk, Estimate, cells_left, disk, estimate
from flows.planning.plan import Plan, State
from flows.planning.shared_stages import shared_stages
from hcfres.pipeline.stage_count import StageCount


@dataclass(frozen=True)
class CellLine:
    """One cell of a plan."""

    row: str
    method: str
    method_title: str
    seed: int
    key: str
    state: State
    accepted: bool
    """Made by other code, and kept all the same."""
    seconds: float | None
    """It took, if it was ever finished."""
    seconds_left: float | None
    """It will take, going by what was measured here; None of a done cell, or without a measure."""


@dataclass(frozen=True)
class StageLine(StageCount):
    """One stage that cells share."""

    cells: int
    """Unfinished cells that read it."""


@dataclass(frozen=True)
class PlanDocument:
    """What `--plan --json` prints: these keys, all of them, and no other.

    Times are seconds, sizes bytes. A change of a key or of its meaning raises the number in
    `schema`.
    """

    experiment: str
    title: str
    setting: str
    setting_title: str
    grid: str
    """Name of the grid's folder."""
    cells: tuple[CellLine, ...]
    todo: int
    """Cells that are not done."""
    stages: tuple[StageLine, ...]
    """Of the unfinished cells, in the order of the line; each is computed once."""
    estimate: Estimate
    disk: Disk
    remarks: tuple[str, ...]
    schema: Literal["hcfres.plan/1"] = "hcfres.plan/1"

    def as_json(self) -> str:
        """The document as JSON."""
        return json.dumps(asdict(self), indent=1)


def plan_document(plan: Plan, accept_code: bool = False) -> PlanDocument:
    """Look at everything a plan says.

    Args:
        accept_code: expensive results of other code will be kept.
    """
    shared = shared_stages(plan, accept_code)
    expected = estimate(plan, shared.counts)
    left, _ = cells_left(plan)
    cells = tuple(
        CellLine(
            row=cell.row.name,
            method=cell.cell.method.name,
            method_title=cell.cell.method.title,
            seed=cell.cell.seed,
            key=cell.key,
            state=cell.state,
            accepted=cell.accepted,
            seconds=cell.seconds,
            seconds_left=left.get(cell.key),
        )
        for cell in plan.cells
    )
    stages = (StageLine(**vars(s), cells=shared.cells.get(s.stage, 0)) for s in shared.counts)
    return PlanDocument(
        experiment=plan.experiment.name,
        title=plan.experiment.config.title,
        setting=plan.setting.name,
        setting_title=plan.setting.title,
        grid=plan.folder.name,
        cells=cells,
        todo=len(plan.todo),
        stages=tuple(stages),
        estimate=expected,
        disk=disk(plan, expected.size),
        remarks=shared.remarks,
    )
