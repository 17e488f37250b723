"""What the commands share: where they print, and options that mean the same everywhere."""

from typing import Annotated

import typer

from flows.live.screen import console_on
from flows.workers.where import Where

console = console_on("stdout")

SettingOption = Annotated[
    str, typer.Option("--setting", help="A file of experiments/settings, by name or path.")
]
SettingArgument = Annotated[
    str, typer.Argument(help="A file of experiments/settings: rooms, scannet.")
]
SeedsOption = Annotated[
    str | None, typer.Option("--seeds", help="As 1,2,10-19; default: the setting's.")
]
OnOption = Annotated[
    Where,
    typer.Option("--on", help="Devices of this machine, a Ray cluster that is there, Slurm jobs."),
]
