"""Where a setting's dataset lies in the workspace, and what identifies it."""

from pathlib import Path

from hcfres.config.identity import digest
from hcfres.config.setting import SettingConfig
from hcfres.data.rooms.seeds import ROOMS_VERSION
from hcfres.store.workspace import Workspace


def data_key(setting: SettingConfig) -> str:
    """Identify the dataset: what makes the rooms, or the release's name."""
    if setting.data.kind == "rooms":
        return digest("rooms", ROOMS_VERSION, setting.data.rooms)
    return digest(setting.data.kind, "v2")


def dataset_folder(setting: SettingConfig, workspace: Workspace) -> Path:
    """Name the folder of a setting's dataset; differently sized sets of rooms do not mix."""
    if setting.data.kind == "rooms":
        return workspace.data / f"rooms-{data_key(setting)}"
    return workspace.data / setting.data.kind
