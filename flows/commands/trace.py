"""`hcfres why` and `hcfres diff`: where numbers come from, and what lies between two of them."""

from typing import Annotated

import typer

from flows.commands.options import console

_CELL = "Its key or the beginning of it, or a row: vsd+mlf, 'vsd+mlf, seed 1'."
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, alone.")]


def why(
    cell: Annotated[str, typer.Argument(help=_CELL)],
    metric: Annotated[
        str | None,
        typer.Option(
            help="As results.json names it; by default val/all/miou, or what a search decided by."
        ),
    ] = None,
    scene: Annotated[
        str | None, typer.Option(help="Follow this scene down to its files, and read them.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Where a number came from: code, machine, configuration, weights, stages, files."""
    from flows.tracing.why import explain  # noqa: PLC0415

    explain(cell, metric, scene, as_json, console=console)


def diff(
    one: Annotated[str, typer.Argument(help=_CELL)],
    other: Annotated[str, typer.Argument(help="The same.")],
    as_json: JsonOption = False,
) -> None:
    """What differs between two cells: configuration, inputs, code, machine, numbers, answers."""
    from flows.tracing.contrast import compare_cells  # noqa: PLC0415

    compare_cells(one, other, as_json, console=console)
