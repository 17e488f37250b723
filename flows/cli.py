"""The `hcfres` command: a table of contents. Each command imports what it needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.cost import cost
from flows.commands.data import data_app
from flows.commands.options import OnOption, SettingArgument, SettingOption, console
from flows.commands.report import report
from flows.commands.reproduce import reproduce
from flows.commands.team import export_grid, import_grid, migrate
from flows.commands.trace import diff, why
from flows.commands.train import train
from flows.commands.tune import tune

app = typer.Typer(
    name="hcfres",
    help="3D generalised referring expression segmentation: HCF-RES, its ancestors, its tables.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
store_app = typer.Typer(help="The results on the disk.", no_args_is_help=True)
app.add_typer(store_app, name="store", rich_help_panel="Look")
app.add_typer(data_app, name="data", rich_help_panel="Look")

_RUN = "Run the paper"
_STAGE = "One stage at a time"
_LOOK = "Look"
_TEAM = "Several machines"


@app.callback()
def _before_any() -> None:
    from flows.workers.machine import require_environment  # noqa: PLC0415

    require_environment()


@app.command(rich_help_panel=_RUN)
def paper() -> None:
    """Everything on the embedded default: rooms, features, Table III's rows, all tables."""
    from flows.reproduce import Asked, reproduce_and_report  # noqa: PLC0415

    reproduce_and_report(Asked(Path("table3_ablation"), "rooms"), console)


app.command(rich_help_panel=_RUN)(reproduce)


app.command(rich_help_panel=_RUN)(tune)


app.command(rich_help_panel=_RUN)(report)


@app.command(rich_help_panel=_STAGE)
def acquire(
    target: Annotated[
        str, typer.Argument(help="rooms, scannet, scanrefer, multi3drefer, or a setting.")
    ] = "rooms",
    source: Annotated[
        str | None,
        typer.Option("--from", help="Folder, zip archive or address laid out as the release is."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Look only; exit code 1: gaps.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The findings as JSON.")] = False,
    setting: Annotated[
        str | None, typer.Option(help="Whose dataset folder and sizes; default: the target's.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="Only what this method needs: mdin needs no frames.")
    ] = "hcf_res",
    scenes: Annotated[
        str | None, typer.Option(help="Names with commas, a file of names, or train, val, test.")
    ] = None,
    frames_every: Annotated[
        int | None, typer.Option(min=1, help="Extract every k-th frame of each recording.")
    ] = None,
    drop_sens: Annotated[
        bool, typer.Option("--drop-sens", help="Delete each fetched .sens once extracted.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Scans at a time; default: one a core.")
    ] = None,
) -> None:
    """Put a dataset onto the disk: rooms are made, ScanNet and its sentences are fetched."""
    from flows.acquisition.request import Request  # noqa: PLC0415
    from flows.stages import run_acquire  # noqa: PLC0415

    asked = Request(
        target, setting, method, scenes, source, frames_every, drop_sens, jobs, check, as_json
    )
    if not run_acquire(asked, console):
        raise typer.Exit(1)


@app.command(rich_help_panel=_STAGE)
def prepare(setting: SettingArgument = "rooms", on: OnOption = "local") -> None:
    """Scans to scenes with superpoints."""
    from flows.stages import run_prepare  # noqa: PLC0415

    run_prepare(setting, on, console)


@app.command(rich_help_panel=_STAGE)
def describe(
    setting: SettingArgument = "rooms",
    method: Annotated[str, typer.Option(help="A file of experiments/methods.")] = "hcf_res",
    on: OnOption = "local",
) -> None:
    """Frames to SAM masks, CLIP tokens and superpoint features; sentences to token features."""
    from flows.stages import run_describe  # noqa: PLC0415

    run_describe(setting, method, on, console)


app.command(rich_help_panel=_STAGE)(train)


@app.command(rich_help_panel=_STAGE)
def evaluate(
    source: Annotated[
        str | None, typer.Argument(help="A cell's key, or a predictions.parquet.")
    ] = None,
    files: Annotated[
        list[str] | None, typer.Option("--from", help="The same; several are compared.")
    ] = None,
) -> None:
    """Recompute every accuracy from stored predictions; imported weights are asked first."""
    from flows.cells.unanswered import answered  # noqa: PLC0415
    from flows.evaluate import compare, recompute  # noqa: PLC0415

    sources = [*([source] if source else []), *(files or [])]
    if not sources:
        raise typer.BadParameter("name a cell or a predictions.parquet")
    sources = [one if one.endswith(".parquet") else answered(one, console) for one in sources]
    if len(sources) == 1:
        recompute(sources[0], console=console)
    else:
        compare(sources, console=console)


@app.command("import-checkpoint", rich_help_panel=_STAGE)
def import_checkpoint(
    file: Annotated[Path, typer.Argument(help="The authors' .pth file.")],
    method: Annotated[str, typer.Option(help="mdin or ipdn; unet: only the U-Net.")],
    setting: SettingOption = "scannet",
    out: Annotated[Path | None, typer.Option(help="Default: in the workspace.")] = None,
) -> None:
    """Turn published weights of MDIN, IPDN or SPFormer's U-Net into ours; no code in them runs."""
    from flows.imports.checkpoint import import_published  # noqa: PLC0415

    import_published(file, method, setting, out, console)


@app.command("import-predictions", rich_help_panel=_STAGE)
def import_predictions(
    file: Annotated[Path, typer.Argument(help="Folder or file of predictions.")],
    form: Annotated[str, typer.Option("--format", help="mdin-rle, boxes or masks.")],
    name: Annotated[str, typer.Option(help="Of the system that made them.")],
    setting: SettingOption = "scannet",
    split: Annotated[str, typer.Option(help="Whose expressions are all answered.")] = "val",
    given: Annotated[
        str | None, typer.Option(help="frames,true_masks,viewpoint,llm, or nothing.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Default: in the workspace.")] = None,
) -> None:
    """Score another system's predictions as ours are scored.

    [bold]mdin-rle[/], as MDIN and IPDN: a folder of <scene>_<objects>_<ann_id>.json, each
    {"length": vertices, "counts": "first length first length ..."}, first from 1; or one JSON file
    of such names. One mask of everything meant.

    [bold]boxes[/], as M3DRef-CLIP: a folder of <scene>.json, each a list of
    {"ann_id": 3, "aabb": (boxes of 8 corners)}, ScanRefer with "object_id"; metres, axis-aligned.

    [bold]masks[/]: a folder of <scene>.npz, arrays named <ann_id> or <object_id>|<ann_id>: bool
    (vertices), or (instances, vertices) with floats <name>.scores beside it.
    """
    from flows.imports.predictions import Foreign  # noqa: PLC0415
    from flows.imports.predictions import import_predictions as bring  # noqa: PLC0415

    bring(Foreign(file, form, setting, name, split, given, out), console)


@app.command(rich_help_panel=_STAGE)
def pretrain(
    encoder: Annotated[str, typer.Argument(help="sam, clip, text or backbone")],
    folder: Annotated[Path, typer.Option(help="Where weights and card go.")] = Path("pretrained"),
    steps: Annotated[int | None, typer.Option(help="Default: the shipped weights' own.")] = None,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Train a tiny encoder on the pre-training rooms; resumes what is in the folder."""
    from flows.pretrain import run_pretrain  # noqa: PLC0415

    run_pretrain(encoder, folder, steps, seed, console=console)


@app.command(rich_help_panel=_RUN)
def predict(
    say: Annotated[list[str], typer.Option(help="A sentence; give as many as you like.")],
    scan: Annotated[Path | None, typer.Argument(help="A recording: folder, .sens, .r3d.")] = None,
    frames: Annotated[Path | None, typer.Option(help="Or: folder of colour and depth.")] = None,
    poses: Annotated[Path | None, typer.Option(help="And: trajectory, camera to world.")] = None,
    cloud: Annotated[Path | None, typer.Option(help="PLY; without one it is fused.")] = None,
    cloud_frame: Annotated[int | None, typer.Option(help="Pose whose frame it is in.")] = None,
    intrinsics: Annotated[Path | None, typer.Option(help="JSON of the depth camera.")] = None,
    depth_unit: Annotated[float | None, typer.Option(help="Metres to a count of depth.")] = None,
    layout: Annotated[str | None, typer.Option(help="Of SCAN, where two would fit.")] = None,
    voxel: Annotated[float | None, typer.Option(help="Metres, of a fused cloud.")] = None,
    cell: Annotated[str | None, typer.Option(help="A cell's key; default: newest hcf_res.")] = None,
    out: Annotated[Path, typer.Option(help="Where the answers go.")] = Path("answers"),
) -> None:
    """Ask about a scan of your own."""
    from flows.predict import answer, scan_of  # noqa: PLC0415

    parts = scan, frames, poses, layout, cloud, cloud_frame, intrinsics, depth_unit, voxel
    answer(scan_of(*parts), tuple(say), cell, out, console=console)


app.command(rich_help_panel=_LOOK)(cost)
app.command(rich_help_panel=_LOOK)(why)
app.command(rich_help_panel=_LOOK)(diff)


@app.command(rich_help_panel=_LOOK)
def ui(
    port: Annotated[int, typer.Option(help="On 127.0.0.1.")] = 5000,
) -> None:
    """Open MLflow on what was logged and print the link with the charts."""
    from flows.ui import serve  # noqa: PLC0415

    serve(port, console=console)


@app.command(rich_help_panel=_LOOK)
def doctor() -> None:
    """Say what this machine has, and what to do about what is missing."""
    from flows.doctor import examine  # noqa: PLC0415

    examine(console=console)


app.command(rich_help_panel=_TEAM)(migrate)
app.command("export", rich_help_panel=_TEAM)(export_grid)
app.command("import", rich_help_panel=_TEAM)(import_grid)


@store_app.command("verify")
def store_verify() -> None:
    """Hash every stored result and name what is damaged."""
    from flows.stages import verify_store  # noqa: PLC0415

    verify_store(console)


def main() -> None:
    """Run the command; a known error is one message and exit code 2, not a traceback."""
    from flows.errors import explained  # noqa: PLC0415

    with explained(console):
        app()


if __name__ == "__main__":
    main()
