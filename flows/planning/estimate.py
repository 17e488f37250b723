"""How long the rest of a grid takes and how many bytes, going by what was measured here alone."""

import heapq
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from flows.planning.plan import Plan, PlannedCell
from hcfres.data.acquisition.space import RESERVE
from hcfres.pipeline.stage_count import StageCount


@dataclass(frozen=True)
class Estimate:
    """What the missing parts of a grid take; None where nothing like any of them was measured."""

    workers: int
    device: str
    """`cpu` or `cuda`."""
    wall_s: float | None
    """With that many workers at a time."""
    device_s: float | None
    """Of all devices together, a worker of the processor counting as one."""
    size: int | None
    """Bytes that will be written to the workspace."""
    not_counted: tuple[str, ...]
    """What is missing too, but nothing like it was measured: the numbers are without it."""


@dataclass(frozen=True)
class Disk:
    """Room for what will be written."""

    free: int
    """Bytes on the disk of the workspace."""
    fits: bool | None
    """Whether the estimated bytes fit and leave the reserve; None without an estimate."""


def estimate(plan: Plan, stages: Iterable[StageCount]) -> Estimate:
    """Add up what the missing results of stages and the cells to run take."""
    stages = tuple(stages)
    known = [s for s in stages if s.missing and s.seconds is not None]
    unknown = [f"{s.stage} ({s.missing})" for s in stages if s.missing and s.seconds is None]
    seconds, sizes = cells_left(plan)
    unknown += _unmeasured(plan, seconds)
    measured = [value for value in seconds.values() if value is not None]
    each = [(stage.missing, stage.seconds or 0.0) for stage in known]
    workers = len(plan.devices)
    wall = sum(-(-count // workers) * one for count, one in each)
    wall += makespan(measured, [0.0] * workers)
    total = sum(count * one for count, one in each) + sum(measured)
    size = sizes + sum(int(stage.missing * (stage.size or 0.0)) for stage in known)
    blind = bool(plan.todo) and not measured and not known
    return Estimate(
        workers=workers,
        device=plan.devices[0].partition(":")[0],
        wall_s=None if blind else wall,
        device_s=None if blind else total,
        size=None if blind else size,
        not_counted=tuple(unknown),
    )


def cells_left(plan: Plan) -> tuple[dict[str, float | None], int]:
    """Seconds that each unfinished cell still takes, by its key, and the bytes of all of them.

    Of a cell that was begun only the epochs to come count.
    """
    of_method = cache(plan.typical)
    seconds: dict[str, float | None] = {}
    size = 0
    for cell in plan.todo:
        alike = of_method(cell.cell.method.name)
        seconds[cell.key] = None if alike is None else alike.seconds * _share_left(cell)
        size += alike.size if alike else 0
    return seconds, size


def disk(plan: Plan, size: int | None) -> Disk:
    """Look whether `size` more bytes fit onto the disk of the workspace."""
    place = plan.workspace.root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    return Disk(free, None if size is None else size + RESERVE <= free)


def _unmeasured(plan: Plan, seconds: dict[str, float | None]) -> list[str]:
    rows = [cell.row.name for cell in plan.todo if seconds[cell.key] is None]
    return [f"cells of {row} ({rows.count(row)})" for row in dict.fromkeys(rows)]


def _share_left(cell: PlannedCell) -> float:
    """The share of a cell's epochs that are still to come; 1 before the first."""
    if cell.state != "partial":
        return 1.0
    try:
        done = (cell.folder / "metrics.jsonl").read_bytes().count(b"\n")
    except OSError:
        return 1.0
    return max(0.0, 1.0 - done / cell.cell.setting.training.epochs)


def makespan(seconds: Iterable[float], busy: Iterable[float]) -> float:
    """When the last of some jobs ends, each begun by the first free worker, in order.

    Args:
        seconds: of each job.
        busy: seconds until each worker is free for them.
    """
    free = list(busy)
    heapq.heapify(free)
    for one in seconds:
        heapq.heappush(free, heapq.heappop(free) + one)
    return max(free)
