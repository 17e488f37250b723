"""Features that others have computed, from their files into the workspace."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.datasets import dataset_folder
from flows.partitions import setting_superpoints
from flows.places import setting_file
from hcfres.config.setting import SettingConfig
from hcfres.config.setting_file import load_setting
from hcfres.data.dataset import Dataset
from hcfres.data.errors import DataError
from hcfres.data.prior.features import (
    pair,
    read_prior_features,
    read_prior_scene,
    require_same_partition,
)
from hcfres.data.prior.imported import import_of
from hcfres.store.workspace import Workspace

_SCENE = "_refer.pth"
_FEATURES = "clip-feat"
_SCENE_FOLDERS = ("", "*/", "scannetv2/*/", "data/scannetv2/*/")
_FEATURE_FOLDERS = ("", "data/")
"""Where the authors keep them: beneath `data`, which people may mean by it or by what is above."""


@dataclass(frozen=True)
class Found:
    """The files about one scan."""

    scene_id: str
    scenes: tuple[Path, ...]
    features: tuple[Path, ...]


def import_features(folder: Path, setting: str, own_superpoints: bool, console: Console) -> None:
    """Bring in what belongs to the scans and superpoints here; list it and what was refused.

    Args:
        folder: with `<scene>_refer.pth` and `clip-feat/<scene>.pth` somewhere in it.
        setting: whose scans, and whose superpoints.
        own_superpoints: keep also features that were made for other superpoints than the
            setting's, with theirs; they fit no other.
        console: where the list goes.

    Raises:
        DataError: there are no such files, or some were refused; the others are brought in.
    """
    config = load_setting(setting_file(setting))
    found = find_files(folder)
    if not found:
        reason = f"there is no <scene>{_SCENE} and no {_FEATURES}/<scene>.pth here"
        raise DataError(folder, reason, "Give the folder that MDIN's or IPDN's `data` is in")
    table = Table("scan", "outcome", title=f"features for setting {config.name}")
    refused = 0
    for item in found:
        try:
            table.add_row(item.scene_id, import_scene(item, config, own_superpoints))
        except DataError as error:
            refused += 1
            table.add_row(item.scene_id, f"[red]refused[/] {escape(str(error))}")
    console.print(table)
    console.print(f"{len(found) - refused} scans imported, {refused} refused")
    if refused:
        raise DataError(folder, f"{refused} of {len(found)} scans were refused, as listed above")


def find_files(folder: Path) -> tuple[Found, ...]:
    """What there is about each scan, by name."""
    scenes = _by_name(
        (path, path.name.removesuffix(_SCENE))
        for path in _below(folder, _SCENE_FOLDERS, f"*{_SCENE}")
    )
    features = _by_name(
        (path, path.stem) for path in _below(folder, _FEATURE_FOLDERS, f"{_FEATURES}/*.pth")
    )
    names = sorted(scenes.keys() | features.keys())
    return tuple(Found(name, scenes.get(name, ()), features.get(name, ())) for name in names)


def import_scene(item: Found, setting: SettingConfig, own_superpoints: bool) -> str:
    """Import one scan's features and say what came in.

    Raises:
        DataError: a file is missing or broken, there are several, or they are stale.
    """
    scene_file = _only(item.scenes, f"{item.scene_id}{_SCENE}")
    features_file = _only(item.features, f"{_FEATURES}/{item.scene_id}.pth")
    workspace = Workspace()
    dataset = Dataset(dataset_folder(setting, workspace))
    vertices = dataset.scene(item.scene_id).vertices
    value = pair(
        read_prior_scene(scene_file), read_prior_features(features_file), vertices, features_file
    )
    said = "imported"
    try:
        ours = setting_superpoints(setting, item.scene_id)
        require_same_partition(value.labels, ours.labels, features_file)
    except DataError as error:
        if not own_superpoints:
            raise
        said = f"imported with superpoints of its own ({error.reason})"
    place = import_of(workspace.root, dataset.name, item.scene_id)
    place.write(value, (scene_file, features_file))
    rows, width = value.features.shape
    unseen = int((~value.features.any(axis=1)).sum())
    return f"{said}: {rows} superpoints x {width}, {unseen} of them unseen"


def _below(folder: Path, folders: tuple[str, ...], pattern: str) -> list[Path]:
    return sorted(path for below in folders for path in folder.glob(below + pattern))


def _by_name(files: Iterable[tuple[Path, str]]) -> dict[str, tuple[Path, ...]]:
    found: dict[str, tuple[Path, ...]] = {}
    for path, name in files:
        found[name] = (*found.get(name, ()), path)
    return found


def _only(paths: tuple[Path, ...], name: str) -> Path:
    if len(paths) != 1:
        said = ", ".join(map(str, paths[:4])) if paths else "there is none"
        reason = f"exactly one is needed: {said}"
        raise DataError(name, reason, "The features and the partition belong together")
    return paths[0]
