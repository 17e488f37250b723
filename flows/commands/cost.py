"""`hcfres cost`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import console


def cost(
    methods: Annotated[
        list[str] | None, typer.Argument(help="Files of experiments/methods; default: hcf_res.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--setting", help="A file of experiments/settings; several are measured."),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Where the numbers go as JSON.")] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; default: a GPU if there is one.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Of each pass, at most.")] = 20,
    seconds: Annotated[
        float, typer.Option(min=0, help="After so many none is repeated, but there are three.")
    ] = 5.0,
    points: Annotated[
        str | None, typer.Option(help="Of each scene, with commas; default: the setting's.")
    ] = None,
    expressions: Annotated[str, typer.Option(help="Answered together, with commas.")] = "1,8,32",
    frames: Annotated[
        int, typer.Option(min=0, help="Seen by SAM and CLIP; 0 leaves them out.")
    ] = 1,
    write: Annotated[bool, typer.Option("--write", help="Also write reports/cost.md.")] = False,
) -> None:
    """Parameters, latency with its definition, memory and throughput, by part (Table IV)."""
    from flows.cost import Asked, Kept, report_cost  # noqa: PLC0415
    from hcfres.evaluation.cost.times import Budget  # noqa: PLC0415

    asked = Asked(
        methods=tuple(methods or ["hcf_res"]),
        settings=tuple(settings or ["rooms"]),
        device=device,
        points=_sizes(points, "--points"),
        expressions=_sizes(expressions, "--expressions"),
        frames=frames,
        budget=Budget(repeats, seconds),
    )
    report_cost(asked, Kept(json, write), console)


def _sizes(text: str | None, name: str) -> tuple[int, ...]:
    if text is None:
        return ()
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{name} {text!r}: give numbers with commas between") from None
    if min(sizes) < 1:
        raise typer.BadParameter(f"{name} {text!r}: each is at least 1")
    return sizes
