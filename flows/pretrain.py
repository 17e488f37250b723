"""Pre-training of the tiny encoders that the package ships."""

from pathlib import Path

from rich.console import Console

from hcfres.config.loading import ConfigError
from hcfres.config.problems import nearest
from hcfres.store.workspace import Workspace

_SEEDS = range(2**32)
"""What every generator of random numbers takes."""


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
        ConfigError: no encoder is called this, or a number is none of what it may be.
        CheckpointError, DataError: what is in the folder is damaged, or of another training.
    """
    _require_numbers(steps, seed)
    workspace = Workspace()
    workspace.root.mkdir(parents=True, exist_ok=True)
    from flows.lesson import ENCODERS, Told, pretrain  # noqa: PLC0415  imports Prefect and torch
    from flows.tracking.embedded import in_use  # noqa: PLC0415
    from flows.tracking.tracker import Tracker  # noqa: PLC0415

    if encoder not in ENCODERS:
        raise ConfigError(
            f"no encoder is called {encoder!r}; {nearest(encoder, [*ENCODERS], 'encoders')}"
        )
    place = folder / encoder
    asked = ENCODERS[encoder] if steps is None else steps
    with in_use(workspace):
        run = Tracker(workspace).run(place, f"pretrain {encoder}", "stage")
        figures = pretrain(encoder, place, asked, seed, Told(run, console))
    for name, value in figures.items():
        console.print(f"  {name}: {value:.3f}", highlight=False)
    console.print(f"weights and model card are in {place}")
    return figures


def _require_numbers(steps: int | None, seed: int) -> None:
    if steps is not None and steps < 1:
        way_out = "give 1 or more, or leave it out for as many as the shipped weights had"
        raise ConfigError(f"--steps is {steps}: {way_out}")
    if seed not in _SEEDS:
        raise ConfigError(f"--seed is {seed}: give 0 to {_SEEDS[-1]}")
