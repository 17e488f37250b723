"""`hcfres tune`: a search over a method's values."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import OnOption, console


def tune(
    search: Annotated[Path, typer.Argument(help="A file of experiments/, by name or path.")],
    trials: Annotated[
        int | None, typer.Option(min=1, help="Different cells to ask for; default: the file's.")
    ] = None,
    setting: Annotated[
        str | None, typer.Option(help="A file of experiments/settings; default: the search's.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show the plan and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The plan as JSON, alone.")] = False,
    storage: Annotated[
        str | None,
        typer.Option(
            envvar="HCFRES_TRIALS", help="Database of several launchers: postgresql+psycopg2://..."
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Then ask validation about the winner, once.")
    ] = False,
    accept_code: Annotated[
        bool, typer.Option("--accept-code", help="Take cells that other code trained.")
    ] = False,
    on: OnOption = "local",
) -> None:
    """Search a method's values on held-out training spaces, name a winner, report."""
    from flows.search.tune import Asked, tell_plan  # noqa: PLC0415
    from flows.search.tune import tune as run  # noqa: PLC0415

    if as_json and not plan:
        raise typer.BadParameter("--json belongs to --plan")
    asked = Asked(search, trials, setting, storage, accept_code, compare, on)
    if plan:
        tell_plan(asked, console, as_json)
    else:
        run(asked, console)
