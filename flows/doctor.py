"""What this machine has, and what to do about what is missing."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from hcfres.store.workspace import Workspace, home


@dataclass(frozen=True)
class Finding:
    """One line of the examination."""

    what: str
    found: str
    advice: str
    """What to do; empty when nothing needs doing."""


def examine(console: Console) -> None:
    """Print the findings as a table."""
    table = Table("", "found", "what to do", title="hcfres doctor", show_lines=False)
    for look in _LOOKS:
        for finding in look():
            mark = "[green]✓[/]" if not finding.advice else "[yellow]![/]"
            table.add_row(f"{mark} {finding.what}", finding.found, finding.advice)
    console.print(table)


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
    from hcfres.model.backbone import backend_check  # noqa: PLC0415

    name, worst = backend_check()
    advice = "" if worst < 1e-4 else "spconv disagrees with plain torch here: do not train with it"
    return [Finding("sparse convolution", f"{name}, differs from torch by {worst:.1e}", advice)]


def _weights() -> list[Finding]:
    from hcfres.config.loading import load  # noqa: PLC0415
    from flows.places import setting_file, setting_names  # noqa: PLC0415
    from hcfres.config.setting import SettingConfig  # noqa: PLC0415
    from hcfres.semantics.weights import missing_weights  # noqa: PLC0415

    findings = []
    for name in setting_names():
        missing = missing_weights(load(setting_file(name), SettingConfig), Workspace().weights)
        found = "all there" if not missing else f"{len(missing)} missing"
        findings.append(Finding(f"weights of `{name}`", found, "\n".join(missing)))
    return findings


def _datasets() -> list[Finding]:
    workspace = Workspace()
    known = sorted(p.name for p in workspace.data.glob("*") if p.is_dir())
    found = ", ".join(known) or "none yet"
    advice = "" if known else "`hcfres acquire rooms` makes the embedded default (1-2 minutes)"
    return [Finding("datasets", found, advice)]


def _disk() -> list[Finding]:
    place = home()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    advice = "" if free > 5 else f"free some space, or set HCFRES_HOME (now {home()})"
    return [Finding("disk", f"{free:.0f} GB free at {place}", advice)]


_LOOKS: tuple[Callable[[], list[Finding]], ...] = (
    _python,
    _device,
    _sparse_convolution,
    _weights,
    _datasets,
    _disk,
)
