"""What this machine has, and what to do about what is missing."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape

from flows.places import setting_file, setting_names
from hcfres.config.loading import ConfigError
from hcfres.config.setting import SettingConfig
from hcfres.config.setting_file import load_setting
from hcfres.store.workspace import Workspace, home

_ENOUGH_GB = 5
_SPLITS: tuple[Literal["train"], Literal["val"]] = ("train", "val")


@dataclass(frozen=True)
class Finding:
    """One line of the examination."""

    what: str
    found: str
    advice: str
    """What to do; empty when nothing needs doing."""


def examine(console: Console) -> None:
    """Print the findings, each as soon as it is known, and below each what to do."""
    for look in _LOOKS:
        for finding in look():
            mark = "[yellow]![/]" if finding.advice else "[green]✓[/]"
            console.print(
                f"{mark} [bold]{finding.what}[/]: {escape(finding.found)}", soft_wrap=True
            )
            for line in finding.advice.splitlines():
                console.print(f"    {escape(line)}", highlight=False, soft_wrap=True)


def _python() -> list[Finding]:
    import torch  # noqa: PLC0415

    version = ".".join(map(str, sys.version_info[:3]))
    return [Finding("Python, torch", f"{version}, {torch.__version__}", "")]


def _device() -> list[Finding]:
    import torch  # noqa: PLC0415

    if torch.cuda.is_available():
        names = {torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())}
        return [Finding("device", f"{torch.cuda.device_count()} x {', '.join(sorted(names))}", "")]
    cores = len(os.sched_getaffinity(0))
    return [
        Finding(
            "device",
            f"CPU only, {cores} cores",
            "enough for the setting `rooms`; the setting `scannet` needs a CUDA device",
        )
    ]


def _sparse_convolution() -> list[Finding]:
    import torch  # noqa: PLC0415

    from hcfres.model.sparse.choice import VARIABLE, choose  # noqa: PLC0415

    findings = []
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        choice = choose(torch.device(device))
        found = f"{choice.backend.name} on {device}"
        if choice.verdict is not None and choice.verdict.difference is not None:
            away, seconds = choice.verdict.difference, choice.verdict.seconds
            found += f"; spconv differs from plain torch by {away:.0e} (checked in {seconds:.1f} s)"
        advice = choice.reason
        if choice.verdict is not None and advice:
            advice += f"; {VARIABLE}=spconv uses it all the same"
        findings.append(Finding("sparse convolution", found, advice))
    return findings


def _weights() -> list[Finding]:
    from hcfres.semantics.weights import missing_weights  # noqa: PLC0415

    findings = []
    for setting in _settings():
        missing = missing_weights(setting, Workspace().weights)
        found = f"{len(missing)} missing" if missing else "all there"
        findings.append(Finding(f"weights of `{setting.name}`", found, "\n".join(missing)))
    return findings


def _datasets() -> list[Finding]:
    from flows.datasets import dataset_folder  # noqa: PLC0415
    from hcfres.data.dataset import Dataset  # noqa: PLC0415
    from hcfres.data.errors import DataError  # noqa: PLC0415

    findings = []
    for setting in _settings():
        folder, what = dataset_folder(setting, Workspace()), f"data of `{setting.name}`"
        way_out = f"`hcfres acquire {setting.name}` puts it there"
        try:
            dataset = Dataset(folder)
            train, val = (len(dataset.scene_ids(split)) for split in _SPLITS)
        except DataError as error:
            findings.append(Finding(what, "not there", f"{error.reason} ({folder}); {way_out}"))
        else:
            advice = _damage(setting, folder)
            if advice:
                advice += f"; `hcfres acquire {setting.name}` makes them again"
            findings.append(Finding(what, f"{train} + {val} scans in {folder}", advice))
    return findings


def _damage(setting: SettingConfig, folder: Path) -> str:
    """Say which rooms are not as they were made; nothing of scans that were made elsewhere."""
    from hcfres.data.rooms import build  # noqa: PLC0415

    if (rooms := setting.data.rooms) is None:
        return ""
    seeds = [seed for split in build.room_seeds(rooms).values() for seed in split]
    lacking = [s for s in seeds if not build.is_made(s, folder, rooms.frames_per_room)]
    parts = [f"{len(lacking)} of {len(seeds)} rooms"] if lacking else []
    parts += [] if build.are_sentences_made(rooms, folder) else ["the sentences"]
    return f"{' and '.join(parts)} are not whole" if parts else ""


def _settings() -> list[SettingConfig]:
    return [load_setting(setting_file(name)) for name in setting_names()]


def _disk() -> list[Finding]:
    place = home()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    advice = "" if free > _ENOUGH_GB else f"free some space, or set HCFRES_HOME (now {home()})"
    return [Finding("disk", f"{free:.0f} GB free at {place}", advice)]


def _tracking() -> list[Finding]:
    from flows.tracking.store import TRACKING, silence, tracking_store  # noqa: PLC0415

    store = tracking_store(Workspace())
    findings = []
    why = silence(store)
    advice = f"nobody answers there ({why}); start it, or leave {TRACKING} out" if why else ""
    findings.append(Finding("tracking", store.shown, advice))
    if TRACKING not in os.environ and "MLFLOW_TRACKING_URI" in os.environ:
        unread = f"it is not read; {TRACKING} decides"
        findings.append(Finding("MLFLOW_TRACKING_URI", "set", unread))
    return findings


def _ray() -> list[Finding]:
    from flows.workers.on_ray import ADDRESS, find_cluster  # noqa: PLC0415

    if find_spec("ray") is None:
        return [Finding("--on ray", "not installed", "")]
    try:
        found, advice = f"a cluster at {find_cluster()}", ""
    except ConfigError as error:
        found, advice = "no cluster", str(error) if ADDRESS in os.environ else ""
    return [Finding("--on ray", f"Ray {version('ray')}, {found}", advice)]


def _slurm() -> list[Finding]:
    from flows.workers.on_slurm import require_slurm  # noqa: PLC0415
    from flows.workers.slurm_settings import settings_file  # noqa: PLC0415

    if find_spec("submitit") is None:
        return [Finding("--on slurm", "not installed", "")]
    path = settings_file(Workspace())
    try:
        settings = require_slurm(Workspace())
        found, advice = f"{settings.workers} jobs ({settings.cluster}), by {path}", ""
    except ConfigError as error:
        found, advice = "not set up", str(error) if path.exists() else ""
    return [Finding("--on slurm", f"submitit {version('submitit')}, {found}", advice)]


_LOOKS: tuple[Callable[[], list[Finding]], ...] = (
    _python,
    _device,
    _sparse_convolution,
    _weights,
    _datasets,
    _tracking,
    _ray,
    _slurm,
    _disk,
)
