"""What a person asked `hcfres acquire` for, and what that means."""

import os
from dataclasses import dataclass, field, replace

from flows.datasets import dataset_folder
from flows.places import method_file, setting_file
from hcfres.config.loading import ConfigError, load
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.config.setting_file import load_setting
from hcfres.data.acquisition.order import Order, order_for
from hcfres.data.acquisition.release import DatasetName
from hcfres.store.workspace import Workspace

_PUBLISHED: dict[str, DatasetName] = {
    "scannet": "scannet",
    "scanrefer": "scanrefer",
    "multi3drefer": "multi3drefer",
}


@dataclass(frozen=True)
class Request:
    """The command line's arguments."""

    target: str = "rooms"
    setting: str | None = None
    method: str = "hcf_res"
    scenes: str | None = None
    source: str | None = field(default=None, repr=False)
    frames_every: int | None = None
    drop_sens: bool = False
    jobs: int | None = None
    check: bool = False
    as_json: bool = False


@dataclass(frozen=True)
class Asked:
    """A request, understood."""

    request: Request
    setting: SettingConfig
    orders: tuple[Order, ...]
    """One for each dataset."""
    workspace: Workspace

    @property
    def makes_rooms(self) -> bool:
        """Tell whether the dataset is made here instead of fetched."""
        return self.setting.data.kind == "rooms"

    @property
    def jobs(self) -> int:
        """Count the scans that are handled at a time."""
        return self.request.jobs or len(os.sched_getaffinity(0))


def resolve(request: Request, workspace: Workspace) -> Asked:
    """Find the setting, the method and the datasets that are meant.

    A dataset's name means this dataset; any other name is a setting's and means all of its
    datasets: its rooms, or ScanNet's scans and the setting's sentences.

    Raises:
        ConfigError: no such setting or method, or options that contradict each other.
        DataError: the dataset is of no use to the setting.
    """
    published = _PUBLISHED.get(request.target)
    name = request.setting or ("scannet" if published else request.target)
    setting = load_setting(setting_file(name))
    method = load(method_file(request.method), MethodConfig)
    _require_sense(request, setting)
    names: tuple[DatasetName, ...] = ("rooms",)
    if published:
        names = (published,)
    elif setting.data.kind == "scannet":
        sentences = _PUBLISHED.get(setting.data.expressions)  # Nr3D and Sr3D are not fetched
        names = ("scannet", sentences) if sentences else ("scannet",)
    root = dataset_folder(setting, workspace)
    orders = tuple(
        replace(
            order_for(dataset, setting, method, root),
            source=request.source,
            frames_every=request.frames_every,
            drop_sens=request.drop_sens,
        )
        for dataset in names
    )
    return Asked(request, setting, orders, workspace)


def _require_sense(request: Request, setting: SettingConfig) -> None:
    if request.drop_sens and request.frames_every is None:
        raise ConfigError(
            "--drop-sens would leave nothing of a recording: say with --frames-every 10 which "
            "frames to extract before it is deleted"
        )
    fetching = {"--from": request.source, "--frames-every": request.frames_every}
    given = [name for name, value in fetching.items() if value is not None]
    if setting.data.kind == "rooms" and given and request.target not in _PUBLISHED:
        raise ConfigError(f"{', '.join(given)}: rooms are made on this machine, not fetched")
    if request.as_json and not request.check:
        raise ConfigError("--json is how --check tells its findings: give both")
