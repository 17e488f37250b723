"""What the cells of a grid share, what of it is there, and which cells need it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flows.datasets import dataset_folder
from flows.planning.plan import Plan
from hcfres.config.method import MethodConfig
from hcfres.config.setting import RoomsConfig
from hcfres.data.errors import DataError
from hcfres.data.rooms.seeds import TRAIN, VAL, scene_id
from hcfres.pipeline.slices import stage_names
from hcfres.pipeline.stage_count import StageCount
from hcfres.pipeline.stages import STAGES, TEXT

ROOMS = "rooms"
"""Synthetic rooms, which come before the stages of the store."""


@dataclass(frozen=True)
class SharedStages:
    """The stages that a grid's unfinished cells need, each counted once."""

    counts: tuple[StageCount, ...]
    cells: dict[str, int]
    """By stage: how many of the unfinished cells read it."""
    remarks: tuple[str, ...] = ()
    """What could not be counted, and why."""


def shared_stages(plan: Plan, accept_code: bool = False) -> SharedStages:
    """Look for the stages of the cells that are not done; a finished grid needs none.

    Args:
        accept_code: expensive results of other code will be kept.
    """
    methods = {cell.row.name: cell.cell.method for cell in plan.todo}
    if not methods:
        return SharedStages((), {})
    from hcfres.pipeline.survey import survey  # noqa: PLC0415  a finished grid reads no dataset

    config, root = plan.setting.data.rooms, dataset_folder(plan.setting, plan.workspace)
    cells = _readers(plan)
    made = () if config is None else (_rooms(config, root),)
    if any(rooms.missing for rooms in made):
        return SharedStages((*made, *_unseen(plan, methods.values())), cells)
    try:
        found = survey(root, plan.setting, methods.values(), plan.workspace, accept_code)
    except DataError as error:
        return SharedStages(made, cells, (f"the stages are not counted: {error}",))
    return SharedStages((*made, *found), cells)


def _rooms(config: RoomsConfig, root: Path) -> StageCount:
    """The rooms themselves; nobody notes how long one takes."""
    from hcfres.data.rooms.build import (  # noqa: PLC0415  only when there is something to run
        are_sentences_made,
        is_made,
        room_seeds,
    )

    seeds = [seed for split in room_seeds(config).values() for seed in split]
    done = 0
    if root.is_dir() and are_sentences_made(config, root):
        done = sum(is_made(seed, root, config.frames_per_room) for seed in seeds)
    return StageCount(ROOMS, len(seeds), done, len(seeds) - done, 0, 0, None, None)


def _unseen(plan: Plan, methods: Iterable[MethodConfig]) -> tuple[StageCount, ...]:
    """The stages of rooms that are not made: one result a room, of which some may be there."""
    from hcfres.pipeline.survey import scenes_of  # noqa: PLC0415

    rooms = plan.setting.data.rooms
    splits = () if rooms is None else ((TRAIN, rooms.train_rooms), (VAL, rooms.val_rooms))
    scenes = {scene_id(seed) for seeds, count in splits for seed in seeds[:count]}
    needed = {TEXT.name}.union(*map(stage_names, methods))
    counts = []
    for stage in (stage.name for stage in STAGES if stage.name in needed):
        unsure = len(scenes & scenes_of(plan.workspace.store / stage))
        missing = len(scenes) - unsure
        counts.append(StageCount(stage, len(scenes), 0, missing, 0, unsure, None, None))
    return tuple(counts)


def _readers(plan: Plan) -> dict[str, int]:
    read: dict[str, int] = {}
    for cell in plan.todo:
        for name in (ROOMS, *stage_names(cell.cell.method), TEXT.name):
            read[name] = read.get(name, 0) + 1
    return read
