"""The `hcfres` command: a table of contents. Each command imports what it needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(
    name="hcfres",
    help="3D generalised referring expression segmentation: HCF-RES, its ancestors, its tables.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
store_app = typer.Typer(help="The results on the disk.", no_args_is_help=True)
app.add_typer(store_app, name="store", rich_help_panel="Look")
data_app = typer.Typer(help="Scans, frames and sentences on the disk.", no_args_is_help=True)
app.add_typer(data_app, name="data", rich_help_panel="Look")

console = Console()

_RUN = "Run the paper"
_STAGE = "One stage at a time"
_LOOK = "Look"

SettingOption = Annotated[
    str, typer.Option("--setting", help="A file of experiments/settings, by name or path.")
]
SettingArgument = Annotated[
    str, typer.Argument(help="A file of experiments/settings: rooms, scannet.")
]
SeedsOption = Annotated[
    str | None, typer.Option("--seeds", help="Comma-separated; default: the setting's.")
]


@app.command(rich_help_panel=_RUN)
def paper() -> None:
    """Everything on the embedded default: rooms, features, Table III's rows, all tables."""
    from flows.reproduce import Asked, reproduce_and_report  # noqa: PLC0415

    reproduce_and_report(Asked(Path("table3_ablation"), "rooms"), console)


@app.command(rich_help_panel=_RUN)
def reproduce(
    experiment: Annotated[Path, typer.Argument(help="A file of experiments/, by name or path.")],
    setting: SettingOption = "rooms",
    only: Annotated[str | None, typer.Option(help="One row, by its label in the plan.")] = None,
    seeds: SeedsOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show the plan and stop.")] = False,
    accept_code: Annotated[
        bool, typer.Option("--accept-code", help="Keep results made by other code, marked.")
    ] = False,
) -> None:
    """Plan a table of the paper, run what is missing, tabulate."""
    from flows.reproduce import Asked, reproduce_and_report  # noqa: PLC0415

    asked = Asked(experiment, setting, only, _numbers(seeds), accept_code)
    reproduce_and_report(asked, console, stop_after_plan=plan)


@app.command(rich_help_panel=_RUN)
def report(
    setting: SettingOption = "rooms",
    from_mlflow: Annotated[
        bool, typer.Option("--from-mlflow", help="Read MLflow's runs, not the cells' folders.")
    ] = False,
) -> None:
    """Write every table as Markdown and LaTeX, and the results, from the cells that are done."""
    from flows.report import write_reports  # noqa: PLC0415

    write_reports(console, setting, from_mlflow=from_mlflow)


@app.command(rich_help_panel=_STAGE)
def acquire(
    setting: SettingArgument = "rooms",
) -> None:
    """Put a dataset onto the disk: rooms are made, ScanNet is checked."""
    from flows.stages import run_acquire  # noqa: PLC0415

    run_acquire(setting, console)


@app.command(rich_help_panel=_STAGE)
def prepare(setting: SettingArgument = "rooms") -> None:
    """Scans to scenes with superpoints."""
    from flows.stages import run_prepare  # noqa: PLC0415

    run_prepare(setting, console)


@app.command(rich_help_panel=_STAGE)
def describe(
    setting: SettingArgument = "rooms",
    method: Annotated[str, typer.Option(help="A file of experiments/methods.")] = "hcf_res",
) -> None:
    """Frames to SAM masks, CLIP tokens and superpoint features; sentences to token features."""
    from flows.stages import run_describe  # noqa: PLC0415

    run_describe(setting, method, console)


@app.command(rich_help_panel=_STAGE)
def train(
    method: Annotated[str, typer.Argument(help="A file of experiments/methods.")],
    setting: SettingOption = "rooms",
    seed: Annotated[int | None, typer.Option(help="Default: the setting's first.")] = None,
) -> None:
    """Train and evaluate one cell: a method, a setting, a seed."""
    from flows.stages import run_cell  # noqa: PLC0415

    run_cell(method, setting, seed, console)


@app.command(rich_help_panel=_STAGE)
def evaluate(
    source: Annotated[str, typer.Argument(help="A cell's key, or a predictions.parquet.")],
) -> None:
    """Recompute every accuracy from stored predictions."""
    from flows.evaluate import recompute  # noqa: PLC0415

    recompute(source, console=console)


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
    frames: Annotated[Path, typer.Option(help="Folder with colour and depth frames.")],
    poses: Annotated[Path, typer.Option(help="Trajectory, camera to world.")],
    cloud: Annotated[Path, typer.Option(help="PLY of the scene, with or without faces.")],
    say: Annotated[list[str], typer.Option(help="A sentence; give as many as you like.")],
    intrinsics: Annotated[Path | None, typer.Option(help="JSON of the camera.")] = None,
    cell: Annotated[str | None, typer.Option(help="A cell's key; default: newest hcf_res.")] = None,
    out: Annotated[Path, typer.Option(help="Where the answers go.")] = Path("answers"),
) -> None:
    """Ask about a scan of your own."""
    from flows.predict import answer  # noqa: PLC0415

    answer(frames, poses, cloud, tuple(say), intrinsics, cell, out, console=console)


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


@store_app.command("verify")
def store_verify() -> None:
    """Hash every stored result and name what is damaged."""
    from flows.stages import verify_store  # noqa: PLC0415

    verify_store(console)


@data_app.command("extract")
def data_extract(
    file: Annotated[Path, typer.Argument(help="A .sens recording.")],
    out: Annotated[Path, typer.Option(help="Gets color, depth, pose and intrinsic.")],
    every: Annotated[int, typer.Option(min=1, help="Every so many frames; keeps numbers.")] = 10,
    workers: Annotated[int | None, typer.Option(min=1, help="Default: all cores.")] = None,
) -> None:
    """Frames of a recording to files; goes on where it was stopped."""
    from flows.frames import extract  # noqa: PLC0415

    extract(file, out, every, workers, console=console)


@data_app.command("report")
def data_report(
    setting: SettingOption = "rooms",
    out: Annotated[
        Path | None, typer.Option(help="Folder; default: reports/ of the workspace.")
    ] = None,
) -> None:
    """Counts, histograms, anomalies and pictures of a dataset on one page."""
    from flows.data_report import report_data  # noqa: PLC0415

    report_data(setting, out, console=console)


@data_app.command("sentences")
def data_sentences(
    file: Annotated[Path, typer.Argument(help="A file of sentences in a dataset's folder.")],
) -> None:
    """Counts of a file's sentences, the entries left out and why, and names unlike labels."""
    from flows.sentences import list_sentences  # noqa: PLC0415

    list_sentences(file, console)


def _numbers(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a comma-separated list of numbers") from None


def main() -> None:
    """Run the command; a known error is one message and exit code 2, not a traceback."""
    from flows.errors import explained  # noqa: PLC0415

    with explained(console):
        app()


if __name__ == "__main__":
    main()
