"""Pre-training of one encoder as a flow, its progress told to the console and to MLflow."""

import re
import time
from dataclasses import asdict
from pathlib import Path

import torch
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from rich.console import Console

from flows.tracking.tracked_run import TrackedRun
from hcfres.language.pretrain import pretrain_text
from hcfres.training.pretrain.loop import Progress
from hcfres.training.pretrain.run import (
    STEPS,
    pretrain_backbone,
    pretrain_clip,
    pretrain_sam,
)

_CARDS = {"sam": pretrain_sam, "clip": pretrain_clip, "backbone": pretrain_backbone}
ENCODERS: dict[str, int] = {**STEPS, "text": 1600}
"""Every encoder with the steps of the shipped weights."""


@flow(name="pretrain", validate_parameters=False)
def pretrain(encoder: str, folder: Path, steps: int, seed: int, told: "Told") -> dict[str, float]:
    """Train one encoder and log parameters, losses and figures; a failure is marked and raised."""
    told.run.params({"encoder": encoder, "steps": steps, "seed": seed})
    try:
        figures = train_encoder(encoder, folder, steps, seed, told)
    except BaseException:
        told.run.end("FAILED")
        raise
    told.run.metrics({f"figure/{_plain(n)}": v for n, v in figures.items()}, steps, _now())
    told.run.artefacts([path for path in sorted(folder.iterdir()) if path.suffix in _KEPT])
    told.run.end()
    return figures


_KEPT = {".md", ".safetensors"}


@task(cache_policy=NO_CACHE, task_run_name="{encoder}")
def train_encoder(
    encoder: str, folder: Path, steps: int, seed: int, told: "Told"
) -> dict[str, float]:
    """Train on one thread, so that the same command gives the same figures anywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if encoder == "text":
            return asdict(pretrain_text(folder, steps, seed, told.sentences))
        card = _CARDS[encoder](folder, steps, seed, told)
        return {figure.name: figure.value for figure in card.figures}
    finally:
        torch.set_num_threads(threads)


class Told:
    """Passes progress on to the console and to MLflow, a step once."""

    def __init__(self, run: TrackedRun, console: Console) -> None:
        self.run = run
        self._console = console
        self._last = run.last_step("pretrain/loss")

    def __call__(self, progress: Progress) -> None:
        """Tell how far it is, and log the means since the last line."""
        figures = ", ".join(f"{name} {value:.3f}" for name, value in progress.figures.items())
        left = f", about {progress.seconds_left:.0f} s left" if progress.seconds_left > 0 else ""
        self._console.print(
            f"{progress.what}: {progress.step}/{progress.steps}{left} {figures}".rstrip(),
            highlight=False,
        )
        if progress.figures and progress.step > self._last:
            named = {f"pretrain/{name}": value for name, value in progress.figures.items()}
            self.run.metrics(named, progress.step, _now())
            self._last = progress.step

    def sentences(self, done: int, steps: int, loss: float) -> None:
        """Tell the same of the text encoder, whose reports are plain numbers."""
        self(Progress("text", done, steps, float("nan"), {"loss": loss}))


def _plain(name: str) -> str:
    """A figure's name with nothing that MLflow refuses in one."""
    return re.sub(r"[^A-Za-z0-9 ._-]+", "", name)


def _now() -> int:
    return int(time.time() * 1000)
