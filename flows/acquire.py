"""Datasets onto the disk: rooms are made, ScanNet is looked for."""

from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.datasets import dataset_folder
from flows.scenes import for_each, waiting_threads
from flows.session import Session
from hcfres.config.setting import RoomsConfig, SettingConfig
from hcfres.data.dataset import Dataset
from hcfres.data.rooms.build import is_made, room_seeds


@flow(
    name="acquire",
    validate_parameters=False,
    task_runner=waiting_threads(),
)
def acquire(setting: SettingConfig, session: Session) -> Dataset:
    """Make the rooms that are missing, or check that the scans are there."""
    root = dataset_folder(setting, session.workspace)
    if setting.data.rooms is not None:
        make_missing_rooms(setting.data.rooms, root, session)
    dataset = Dataset(root)
    for split in ("train", "val"):
        dataset.expressions(setting.data.expressions, split)
    return dataset


def make_missing_rooms(rooms: RoomsConfig, root: Path, session: Session) -> None:
    """Make every room that is not whole yet, one task each, then the sentences."""
    seeds = [seed for split in room_seeds(rooms).values() for seed in split]
    missing = [seed for seed in seeds if not is_made(seed, root, rooms.frames_per_room)]
    for_each(
        lambda seed: make_room.submit(session, seed, root, rooms.frames_per_room),
        missing,
        session,
        "rooms",
    )
    if missing or not (root / "multi3drefer_val.json").exists():
        make_sentences.submit(session, rooms, root).result()


@task(cache_policy=NO_CACHE, task_run_name="room-{seed}")
def make_room(session: Session, seed: int, root: Path, frames: int) -> bool:
    """Write one room's scan and frames."""
    return bool(session.pool.call("flows.jobs:make_room", seed, str(root), frames))


@task(cache_policy=NO_CACHE)
def make_sentences(session: Session, rooms: RoomsConfig, root: Path) -> None:
    """Write the split lists and the expressions of all rooms."""
    session.pool.call("flows.jobs:make_sentences", rooms.model_dump_json(), str(root))
