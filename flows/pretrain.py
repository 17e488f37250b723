"""Pre-training of the tiny encoders that the package ships."""

from pathlib import Path

from rich.console import Console

from hcfres.config.loading import ConfigError
from hcfres.config.problems import nearest
from hcfres.store.workspace import Workspace


def run_pretrain(
    encoder: str, folder: Path, steps: int | None, seed: int, console: Console
) -> dict[str, float]:
    """Train an encoder, going on with what is in its folder, and log it.

    Args:
        encoder: sam, clip, text or backbone.
        folder: its subfolder of the encoder's name gets weights, card and checkpoint.
        steps: None for as many as the shipped weights had.
        seed: of the initial weights and of every draw.
        console: is told the progress.

    Returns:
        The figures of the model card.

    Raises:
        ConfigError: no encoder is called this.
    """
    workspace = Workspace()
    workspace.root.mkdir(parents=True, exist_ok=True)
    from flows.lesson import ENCODERS, Told, pretrain  # noqa: PLC0415  imports Prefect and torch
    from flows.tracking.tracker import Tracker  # noqa: PLC0415

    if encoder not in ENCODERS:
        raise ConfigError(
            f"no encoder is called {encoder!r}; {nearest(encoder, [*ENCODERS], 'encoders')}"
        )
    place = folder / encoder
    run = Tracker(workspace).run(place, f"pretrain {encoder}", "stage")
    figures = pretrain(encoder, place, steps or ENCODERS[encoder], seed, Told(run, console))
    for name, value in figures.items():
        console.print(f"  {name}: {value:.3f}", highlight=False)
    console.print(f"weights and model card are in {place}")
    return figures
