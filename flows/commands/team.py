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
    storage: Annotated[
        str | None,
        typer.Option(envvar="HCFRES_TRIALS", help="Database that the searches' trials go to."),
    ] = None,
) -> None:
    """Copy the embedded database's runs, and searches' trials, to shared stores; compare there."""
    from flows.search.move import journals, move_studies  # noqa: PLC0415
    from flows.tracking.migrate import migrate as move  # noqa: PLC0415
    from flows.tracking.store import DATABASE, tracking_store  # noqa: PLC0415
    from hcfres.store.workspace import Workspace  # noqa: PLC0415

    workspace = Workspace()
    if storage is not None:
        studies, trials = move_studies(storage, workspace)
        console.print(
            f"{studies} searches with {trials} trials are in their database; give --storage to tune"
        )
    has_runs = (workspace.root / DATABASE).exists()
    if storage is None or ((to or remove or tracking_store(workspace).is_shared) and has_runs):
        move(to, remove, console)
    elif has_runs:
        console.print(f"runs stay in {DATABASE}; --to moves them")
    if storage is None and (found := journals(workspace)):
        console.print(f"{len(found)} searches stay in their journals; --storage moves their trials")


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
