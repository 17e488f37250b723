"""A dataset of two rooms, and a store that all tests of the pipeline share."""

from pathlib import Path

import pytest

from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.data.dataset import Dataset
from hcfres.data.rooms.build import make_rooms
from hcfres.pipeline.jobs import Event
from hcfres.pipeline.places import Machine
from hcfres.pipeline.scene import Preparation
from hcfres.store.store import Store

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.fixture(scope="session")
def smoke() -> SettingConfig:
    return load(EXPERIMENTS / "settings" / "smoke.toml", SettingConfig)


@pytest.fixture(scope="session")
def hcf_res() -> MethodConfig:
    return load(EXPERIMENTS / "methods" / "hcf_res.toml", MethodConfig)


@pytest.fixture(scope="session")
def mdin() -> MethodConfig:
    return load(EXPERIMENTS / "methods" / "mdin.toml", MethodConfig)


@pytest.fixture(scope="session")
def rooms(tmp_path_factory: pytest.TempPathFactory, smoke: SettingConfig) -> Dataset:
    root = tmp_path_factory.mktemp("data") / "rooms"
    assert smoke.data.rooms is not None
    make_rooms(smoke.data.rooms, root, lambda done, total, name: None)
    return Dataset(root)


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def preparation(shared_store: Path, events: list[Event]) -> Preparation:
    return Preparation(Store(shared_store), Machine(shared_store / "weights"), events.append)
