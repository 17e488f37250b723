"""The command that trains one cell."""

from typing import Annotated

import typer

from flows.commands.options import OnOption, SettingOption, console


def train(
    method: Annotated[str, typer.Argument(help="A file of experiments/methods.")],
    setting: SettingOption = "rooms",
    seed: Annotated[int | None, typer.Option(min=0, help="Default: the setting's first.")] = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Workers, or GPUs, that share the scenes of each batch.")
    ] = 1,
    on: OnOption = "local",
) -> None:
    """Train and evaluate one cell: a method, a setting, a seed."""
    from flows.stages import run_cell  # noqa: PLC0415

    run_cell(method, setting, seed, processes, on, console)
