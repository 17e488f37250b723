"""`hcfres reproduce`: a table of the paper."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import OnOption, SeedsOption, SettingOption, console


def reproduce(
    experiment: Annotated[Path, typer.Argument(help="A file of experiments/, by name or path.")],
    setting: SettingOption = "rooms",
    only: Annotated[str | None, typer.Option(help="One row, by its label in the plan.")] = None,
    seeds: SeedsOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show the plan and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The plan as JSON, alone.")] = False,
    accept_code: Annotated[
        bool, typer.Option("--accept-code", help="Keep results made by other code, marked.")
    ] = False,
    cells_at_most: Annotated[
        int, typer.Option(min=1, help="More cells are refused: confirm a huge grid.")
    ] = 20_000,
    on: OnOption = "local",
) -> None:
    """Plan a table of the paper, run what is missing, tabulate."""
    from flows.commands.seed_list import seeds_of  # noqa: PLC0415
    from flows.reproduce import Asked, reproduce_and_report, tell_plan  # noqa: PLC0415

    if as_json and not plan:
        raise typer.BadParameter("--json belongs to --plan")
    asked = Asked(experiment, setting, only, seeds_of(seeds), accept_code, cells_at_most, on=on)
    if plan:
        tell_plan(asked, console, as_json)
    else:
        reproduce_and_report(asked, console)
