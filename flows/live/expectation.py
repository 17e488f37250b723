"""What a grid is expected to take while it runs, going by what was measured before it began."""

from collections.abc import Mapping
from dataclasses import dataclass

from flows.planning.estimate import cells_left
from flows.planning.plan import Plan
from flows.planning.shared_stages import shared_stages
from hcfres.pipeline.stages import TEXT

SENTENCES = "sentences"
"""What people call the stage of the text encoder."""


@dataclass(frozen=True)
class Expected:
    """Cells to run, and the stages before them."""

    workers: int
    """At work on cells: each one alone, or several together as one."""
    stages: Mapping[str, float | None]
    """Seconds that each stage still takes, by the name its progress has; None: nobody knows."""
    cells: Mapping[str, tuple[str, float | None]]
    """By key: what each cell is called, and the seconds it will take; None: nothing alike was
    measured."""


def expectation(plan: Plan, accept_code: bool, workers: int, processes: int = 1) -> Expected:
    """Go by the results and cells of this workspace.

    Args:
        accept_code: expensive results of other code will be kept.
        workers: that there are.
        processes: that train one cell together.
    """
    seconds, _ = cells_left(plan)
    stages = {
        SENTENCES if count.stage == TEXT.name else count.stage: (
            None if count.seconds is None else -(-count.missing // workers) * count.seconds
        )
        for count in shared_stages(plan, accept_code).counts
        if count.missing
    }
    cells = {cell.key: (cell.label, seconds[cell.key]) for cell in plan.todo}
    return Expected(workers // processes, stages, cells)
