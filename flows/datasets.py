"""Where a setting's dataset lies in the workspace, and what identifies it."""

from pathlib import Path

from hcfres.config.identity import digest
from hcfres.config.setting import SettingConfig
from hcfres.data.rooms.seeds import ROOMS_VERSION
from hcfres.store.files import file_hash
from hcfres.store.workspace import Workspace


def data_key(setting: SettingConfig) -> str:
    """Name the dataset: what makes the rooms, or the release's name."""
    if setting.data.kind == "rooms":
        return digest("rooms", ROOMS_VERSION, setting.data.rooms)
    return digest(setting.data.kind, "v2")


def content_key(setting: SettingConfig, workspace: Workspace) -> str:
    """Identify what a cell reads of the dataset besides its scans.

    What makes the rooms decides their files, which their maker checks and repairs. Of ScanNet it is
    what the lists, the label table and the sentences hold; a file that is not there does not count,
    so that the key changes once it is.
    """
    if setting.data.kind == "rooms":
        return data_key(setting)
    from hcfres.data.dataset import shared_files  # noqa: PLC0415  rooms are planned without it

    root = dataset_folder(setting, workspace)
    found = (root / name for name in shared_files(setting.data.expressions))
    held = [f"{path.name} {file_hash(path)}" for path in found if path.is_file()]
    return digest(data_key(setting), *held)


def dataset_folder(setting: SettingConfig, workspace: Workspace) -> Path:
    """Name the folder of a setting's dataset; differently sized sets of rooms do not mix."""
    if setting.data.kind == "rooms":
        return workspace.data / f"rooms-{data_key(setting)}"
    return workspace.data / setting.data.kind
