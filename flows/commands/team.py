"""`hcfres migrate`, `export` and `import`: from one person's workspace to a team's."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import console


def migrate(
    to: Annotated[
        str | None,
        typer.Option(help="postgresql+psycopg2://... or http://...; default: HCFRES_TRACKING."),
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the embedded database once all is there.")
    ] = False,
) -> None:
    """Copy the runs of the embedded database into a shared store, and compare them there."""
    from flows.tracking.migrate import migrate as move  # noqa: PLC0415

    move(to, remove, console)


def export_grid(
    grid: Annotated[str, typer.Argument(help="Name of its folder in grids/, or its beginning.")],
    out: Annotated[Path, typer.Option(help="The file; a .zip.")],
    with_checkpoints: Annotated[
        bool, typer.Option("--with-checkpoints", help="The state of the trainings too.")
    ] = False,
    with_stages: Annotated[
        bool, typer.Option("--with-stages", help="What the cells read from the store too.")
    ] = False,
) -> None:
    """Put a grid, its finished cells and what they were asked for into one file."""
    from flows.parcels.pack import Wanted, export  # noqa: PLC0415
    from hcfres.store.workspace import Workspace  # noqa: PLC0415

    export(grid, out, Wanted(with_checkpoints, with_stages), Workspace(), console)


def import_grid(
    file: Annotated[Path, typer.Argument(help="What `hcfres export` wrote.")],
) -> None:
    """Take a grid from another machine; everything is verified first, nothing in it is run."""
    from flows.parcels.unpack import bring_in  # noqa: PLC0415
    from hcfres.store.workspace import Workspace  # noqa: PLC0415

    bring_in(file, Workspace(), console)
