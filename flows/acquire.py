"""Datasets onto the disk: rooms are made, ScanNet is looked for."""

import json
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.datasets import dataset_folder
from flows.scenes import for_each, waiting_threads
from flows.session import Session
from hcfres.config.setting import RoomsConfig, SettingConfig
from hcfres.data.dataset import ABOUT, Dataset, setting_of
from hcfres.data.files import write_bytes
from hcfres.data.rooms.build import are_sentences_made, is_made, room_seeds


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
    """Make every room that is not there or not whole, one task each, then the sentences."""
    seeds = [seed for split in room_seeds(rooms).values() for seed in split]
    missing = [seed for seed in seeds if not is_made(seed, root, rooms.frames_per_room)]
    for_each(
        lambda seed: make_room.submit(session, seed, root, rooms.frames_per_room),
        missing,
        session,
        "rooms",
    )
    if not are_sentences_made(rooms, root):
        make_sentences.submit(session, rooms, root).result()


@task(cache_policy=NO_CACHE, task_run_name="room-{seed}")
def make_room(session: Session, seed: int, root: Path, frames: int) -> bool:
    """Write one room's scan and frames."""
    return bool(session.pool.call("flows.jobs:make_room", seed, str(root), frames))


@task(cache_policy=NO_CACHE)
def make_sentences(session: Session, rooms: RoomsConfig, root: Path) -> None:
    """Write the split lists and the expressions of all rooms."""
    session.pool.call("flows.jobs:make_sentences", rooms.model_dump_json(), str(root))
