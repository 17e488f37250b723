"""What a worker's machine is told before it starts one, and what it answers to be believed."""

import contextlib
import os
import platform
import secrets
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import Field

from flows.workers.machine import DEVICE, chosen_here
from hcfres.config.base import Config
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.errors import StoreError
from hcfres.store.locks import Busy, locked
from hcfres.store.workspace import Workspace

Kind = Literal["cpu", "cuda"]


class Ticket(Config):
    """Lets the outpost that has it report once, to the launcher that wrote it."""

    name: str
    host: str
    """Where the launcher listens."""
    port: int
    secret: str = Field(repr=False)
    """Hexadecimal; both sides show that they know it, and it never crosses the line."""
    kind: Kind
    """Of device that its workers get."""
    mark: str
    """A file of the launcher's in the workspace."""
    environment: dict[str, str]
    """Of the workers: the workspace, and what was chosen of how to compute."""
    command: tuple[str, ...]
    """The launcher's, for the record."""


@dataclass(frozen=True)
class Greeting:
    """What an outpost says of itself."""

    ticket: str
    host: str
    process: int
    device: str
    """as `machine.devices` names it there."""
    python: str
    torch: str
    """Version, without the build for one kind of device."""
    code: str
    """Fingerprint of the code that would run a cell."""
    mark: str
    """What the launcher's mark holds; empty where it is not seen."""

    @property
    def place(self) -> str:
        """Name machine and device for people."""
        return f"{self.host} {self.device}"


def greet(ticket: Ticket, device: str) -> Greeting:
    """Say what this process is and sees."""
    mark = Path(ticket.mark)
    return Greeting(
        ticket=ticket.name,
        host=socket.gethostname(),
        process=os.getpid(),
        device=device,
        python=".".join(platform.python_version_tuple()[:2]),
        torch=version("torch").partition("+")[0],
        code=code_of_cells(),
        mark=mark.read_text() if mark.is_file() else "",
    )


def objections(theirs: Greeting, ours: Greeting, workspace: Workspace) -> tuple[str, ...]:
    """Say why work done there would not be what it is here (decision 171), with the ways out."""
    told = []
    for name, there, here in (
        ("Python", theirs.python, ours.python),
        ("torch", theirs.torch, ours.torch),
    ):
        if there != here:
            told.append(f"it has {name} {there}, and here is {here}: install the same one there")
    if theirs.code != ours.code:
        told.append(
            f"it runs other code ({theirs.code}, here {ours.code}): bring both to the same commit "
            "and the same changes"
        )
    if theirs.mark != ours.mark:
        told.append(
            f"it does not see this workspace as {workspace.root}: set HCFRES_HOME to a folder that "
            "every machine has under one path"
        )
    return tuple(told)


@contextlib.contextmanager
def marked(workspace: Workspace) -> Iterator[Path]:
    """Keep a file in the workspace that no other workspace has, while inside.

    It is locked, and those whose launchers were killed, which nobody locks, are cleared away.
    """
    name = secrets.token_hex(8)
    path = workspace.root / "launchers" / name
    with locked(path):
        path.write_text(name)
        _clear_ended(path.parent)
        yield path


def _clear_ended(marks: Path) -> None:
    for path in marks.iterdir():
        with contextlib.suppress(Busy, StoreError, OSError), locked(path, wait=False):
            pass  # its end removes the file; one of another user's stays


def environment_there(workspace: Workspace) -> dict[str, str]:
    """Choose for workers elsewhere what was chosen for those of this machine, devices apart."""
    chosen = {name: value for name, value in chosen_here().items() if name.startswith("HCFRES_")}
    chosen.pop(DEVICE, None)
    return chosen | {"HCFRES_HOME": str(workspace.root)}


def command_here() -> tuple[str, ...]:
    """Give the command line of this process."""
    return tuple(sys.argv)
