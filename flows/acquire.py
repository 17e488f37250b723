"""Datasets onto the disk: rooms are made, ScanNet is looked for."""

import json
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.datasets import dataset_folder
from flows.planning.shared_stages import ROOMS
from flows.scenes import over_scenes, waiting_threads
from flows.session import Session
from flows.stage_failures import StageError
from flows.workers.retries import persist
from hcfres.config.setting import RoomsConfig, SettingConfig
from hcfres.data.dataset import ABOUT, Dataset, setting_of
from hcfres.data.files import write_bytes
from hcfres.data.rooms.build import are_sentences_made, is_made, room_seeds
from hcfres.data.rooms.seeds import scene_id


@flow(
    name="acquire",
    validate_parameters=False,
    task_runner=waiting_threads(),
)
def acquire(setting: SettingConfig, session: Session) -> Dataset:
    """Make the rooms that are missing or damaged, or check that the scans are there."""
    root = dataset_folder(setting, session.workspace)
    if setting.data.rooms is not None:
        say_whose(setting, root)
        make_missing_rooms(setting.data.rooms, root, session)
    dataset = Dataset(root)
    for split in ("train", "val"):
        dataset.expressions(setting.data.expressions, split)
    return dataset


def say_whose(setting: SettingConfig, root: Path) -> None:
    """Put the setting's name into its folder of rooms: errors name the command that repairs them.

    Of settings with the same rooms it is the last that was asked for.
    """
    if setting_of(root) != setting.name:
        write_bytes(root / ABOUT, json.dumps({"setting": setting.name}).encode())


def make_missing_rooms(rooms: RoomsConfig, root: Path, session: Session) -> None:
    """Make every room that is not there or not whole, one task each, then the sentences.

    Raises:
        StageError: rooms could not be made; the others are there.
    """
    seeds = {scene_id(seed): seed for split in room_seeds(rooms).values() for seed in split}
    frames = rooms.frames_per_room
    outcome = over_scenes(
        ROOMS,
        [name for name, seed in seeds.items() if not is_made(seed, root, frames)],
        lambda name: make_room.submit(session, seeds[name], root, frames),
        session,
    )
    if outcome.failures:
        raise StageError(outcome.failures)
    if not are_sentences_made(rooms, root):
        make_sentences.submit(session, rooms, root).result()


@task(cache_policy=NO_CACHE, task_run_name="room-{seed}")
def make_room(session: Session, seed: int, root: Path, frames: int) -> bool:
    """Write one room's scan and frames."""
    return bool(
        persist(
            lambda: session.pool.call("flows.jobs:make_room", seed, str(root), frames),
            lambda error: session.board.say(f"room {seed}, again after: {error}"),
        )
    )


@task(cache_policy=NO_CACHE)
def make_sentences(session: Session, rooms: RoomsConfig, root: Path) -> None:
    """Write the split lists and the expressions of all rooms."""
    persist(
        lambda: session.pool.call("flows.jobs:make_sentences", rooms.model_dump_json(), str(root)),
        lambda error: session.board.say(f"sentences, again after: {error}"),
    )
