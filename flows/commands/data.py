"""`hcfres data ...`: scans, frames and sentences on the disk."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import SettingOption, console

data_app = typer.Typer(help="Scans, frames and sentences on the disk.", no_args_is_help=True)


@data_app.command("extract")
def data_extract(
    file: Annotated[Path, typer.Argument(help="A .sens recording.")],
    out: Annotated[Path, typer.Option(help="Gets color, depth, pose and intrinsic.")],
    every: Annotated[int, typer.Option(min=1, help="Every so many frames; keeps numbers.")] = 10,
    workers: Annotated[int | None, typer.Option(min=1, help="Default: all cores.")] = None,
) -> None:
    """Frames of a recording to files; goes on where it was stopped."""
    from flows.extract import extract  # noqa: PLC0415

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


@data_app.command("compare")
def data_compare(
    one: Annotated[str, typer.Argument(help="segs.json, mesh or cloud (PLY), or a scene's name.")],
    other: Annotated[str, typer.Argument(help="The same; _refer.pth too.")],
    setting: SettingOption = "rooms",
    k_threshold: Annotated[float, typer.Option(min=0, help="For a mesh or cloud.")] = 0.01,
    min_vertices: Annotated[int, typer.Option(min=1, help="For a mesh or cloud.")] = 20,
) -> None:
    """How far two cuts of a scan into superpoints agree."""
    from flows.partitions import Cut, compare  # noqa: PLC0415

    compare(one, other, Cut(setting, k_threshold, min_vertices), console)


@data_app.command("import-features")
def data_import_features(
    folder: Annotated[Path, typer.Argument(help="MDIN's or IPDN's `data` folder.")],
    setting: SettingOption = "scannet",
    own_superpoints: Annotated[
        bool, typer.Option(help="Keep features of other superpoints too, with those.")
    ] = False,
) -> None:
    """Bring in superpoint features that others computed, after checking what they belong to."""
    from flows.imports.features import import_features  # noqa: PLC0415

    import_features(folder, setting, own_superpoints, console)
