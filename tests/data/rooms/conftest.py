"""One room, built and photographed once, and a small dataset of rooms on the disk."""

import shutil
from pathlib import Path

import pytest

from hcfres.config.setting import RoomsConfig
from hcfres.data.rooms.build import make_rooms
from hcfres.data.rooms.camera_path import photograph
from hcfres.data.rooms.layout import make_room
from hcfres.data.rooms.render import Rendering, Stage, set_stage
from hcfres.data.rooms.room import Room
from hcfres.data.rooms.scan import Scan, scan_room


@pytest.fixture(scope="session")
def config() -> RoomsConfig:
    """Three rooms, a few frames and sentences each."""
    return RoomsConfig(
        train_rooms=2,
        val_rooms=1,
        frames_per_room=4,
        train_expressions_per_room=6,
        val_expressions_per_room=9,
    )


@pytest.fixture(scope="session")
def stage() -> Stage:
    """A furnished room, lit."""
    return set_stage(make_room(1, "scene0001_00"))


@pytest.fixture(scope="session")
def shots(stage: Stage) -> tuple[Rendering, ...]:
    """Ten frames of it."""
    return photograph(stage, 10)


@pytest.fixture(scope="session")
def scan(stage: Stage) -> Scan:
    """Its reconstruction."""
    return scan_room(stage)


@pytest.fixture(scope="session")
def rooms_folder(config: RoomsConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of three rooms."""
    root = tmp_path_factory.mktemp("rooms")
    make_rooms(config, root, lambda done, total, name: None)
    return root


@pytest.fixture
def copied(rooms_folder: Path, tmp_path: Path) -> Path:
    """The same dataset, to be damaged."""
    return Path(shutil.copytree(rooms_folder, tmp_path / "rooms"))


@pytest.fixture(scope="session")
def scans(stage: Stage, scan: Scan) -> tuple[tuple[Room, Scan], ...]:
    """A few rooms with their reconstructions."""
    others = [make_room(seed, f"scene{seed:04d}_00") for seed in (0, 2)]
    return ((stage.room, scan), *((room, scan_room(set_stage(room))) for room in others))
