"""The processes of a grid, found by the workspace that their environment names."""

import contextlib
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import psutil

Role = Literal["launcher", "worker", "prefect", "helper"]
_WORDS: tuple[tuple[str, Role], ...] = (
    ("flows.prefect_serving", "prefect"),
    ("multiprocessing.spawn", "worker"),
    ("flows.cli", "launcher"),
)
_LOOK_EVERY_S = 0.05


def processes_of(workspace: Path) -> list[psutil.Process]:
    """Every living process that works on a workspace, by process id."""
    found = [one for one in psutil.process_iter() if _home_of(one) == str(workspace)]
    return sorted((one for one in found if lives(one)), key=lambda one: one.pid)


def role_of(process: psutil.Process) -> Role:
    """What a process is for; a helper is whatever the libraries start."""
    try:
        told = " ".join(process.cmdline())
    except psutil.Error:
        return "helper"
    return next((role for word, role in _WORDS if word in told), "helper")


def with_role(role: Role, workspace: Path) -> list[psutil.Process]:
    """The living processes of a workspace that are for one thing."""
    return [one for one in processes_of(workspace) if role_of(one) == role]


def lives(process: psutil.Process) -> bool:
    """Whether a process is there and does something; one that only waits to be noticed is not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def catches(pid: int, how: signal.Signals) -> bool:
    """Whether a process handles a signal yet; one that Python is just starting ends by it."""
    try:
        told = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    (mask,) = (line.split()[1] for line in told.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> (how - 1) & 1)


def left_after(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that are still there when so many seconds have passed; sooner when none are."""
    deadline, left = time.monotonic() + seconds, list(processes)
    while left := [one for one in left if lives(one)]:
        if time.monotonic() > deadline:
            break
        time.sleep(_LOOK_EVERY_S)
    return left


def ports_of(processes: Iterable[psutil.Process]) -> set[int]:
    """The ports that processes listen on."""
    found: set[int] = set()
    for process in processes:
        with contextlib.suppress(psutil.Error):
            opened = process.net_connections(kind="inet")
            found |= {one.laddr.port for one in opened if one.status == psutil.CONN_LISTEN}
    return found


def told(processes: Iterable[psutil.Process]) -> str:
    """Name processes."""
    return ", ".join(f"{role_of(one)} {one.pid}" for one in processes)


def _home_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("HCFRES_HOME")
    except (psutil.Error, OSError):
        return None
