"""Searches on a small setting, and cells of theirs that nobody trained."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from flows.cells.trained import LATENCY
from flows.places import EXPERIMENTS
from flows.planning.plan import PlannedCell
from flows.search.cells import SearchCells
from flows.search.storage import study_storage
from flows.search.study import Outcome, Study
from hcfres.config.identity import digest
from hcfres.config.search_file import load_search
from hcfres.store.workspace import Workspace
from hcfres.training.journal import EpochReport
from tests.flows.fabricated import CODE

SMALL = """
title      = "A search for tests"
dataset    = "multi3drefer"
base       = "hcf_res"
setting    = "small"
objectives = ["held_out_miou"]
trials     = 4
seed       = 0
cell_seed  = 1999
sampler    = { kind = "random" }
confirm    = { best = 1, seeds = [2000] }

[space]
fusion.within_2d = { choices = ["attention", "add", "mean"] }
fusion.across    = { choices = ["adaptive", "add"] }
fusion.gate      = { choices = ["scalar", "channel"], when = { fusion.across = ["adaptive"] } }
"""
"""Nine points; the base is the first."""
EPOCHS = 6
"""Of the small setting: held-out spaces are asked after the fifth and the last."""


def experiments(folder: Path, text: str = SMALL) -> Path:
    """Write a folder of experiments with the small setting, and `small_search` in it.

    One of two training rooms is held out; the encoders are untrained, a cell takes seconds.
    """
    path = folder / "small_search.toml"
    if path.exists() and path.read_text() == text:
        return path
    (folder / "settings").mkdir(parents=True, exist_ok=True)
    shutil.copytree(EXPERIMENTS / "methods", folder / "methods", dirs_exist_ok=True)
    setting = (EXPERIMENTS / "settings" / "smoke.toml").read_text()
    for old, new in (
        ('name       = "smoke"', 'name       = "small"'),
        ("held_out    = 0.0", "held_out    = 0.3"),
        ("train_rooms                = 1", "train_rooms                = 2"),
        ("epochs                = 1", f"epochs                = {EPOCHS}"),
    ):
        assert old in setting, old
        setting = setting.replace(old, new)
    (folder / "settings" / "small.toml").write_text(setting)
    path.write_text(text)
    return path


def cells_in(folder: Path, text: str = SMALL, **told) -> SearchCells:
    """Look at a search in the workspace `folder`."""
    search = load_search(experiments(folder / "experiments", text))
    told = {"code": CODE, "devices": ("cpu",)} | told
    return SearchCells(search, search.setting(), Workspace(folder / "workspace"), **told)


def worth(planned: PlannedCell) -> float:
    """Give the score that a method's training shall have: the same for the same method."""
    return int(digest(planned.cell.method), 16) % 1000 / 1000


def learn(
    planned: PlannedCell,
    miou: float,
    code: str = CODE,
    epochs: int = EPOCHS,
    latency_ms: float | None = None,
    device: str = "cpu",
    hardware: str | None = None,
) -> None:
    """Write a cell's folder as if it had been trained so many epochs, to `miou` at every check.

    Args:
        device: that its latency was measured on.
        hardware: that this was of; None: not kept.
    """
    folder = planned.folder
    (folder / "checkpoint").mkdir(parents=True, exist_ok=True)
    (folder / "cell.json").write_text(planned.cell.model_dump_json())
    lines = [asdict(_report(epoch, miou)) for epoch in range(epochs)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    about = {"format": "1", "epochs_done": str(epochs), "identity": f"{planned.key}-{code}"}
    state = folder / "checkpoint" / "state.safetensors"
    save_file({"network/weight": np.zeros(1)}, state, metadata=about)
    if latency_ms is not None:
        told = {"latency_ms": latency_ms, "device": device, "code": code}
        told |= {} if hardware is None else {"hardware": hardware}
        (folder / LATENCY).write_text(json.dumps(told))


def opened(cells: SearchCells, wanted: int = 4) -> Study:
    """Begin or go on with a search, alone."""
    with study_storage(cells, None) as storage:
        study = Study(cells, storage, wanted)
    study.begin()
    return study


def play(study: Study, most: int = 1000) -> list[str]:
    """Train whatever is asked for; the keys of the cells that a worker had to see to."""
    trained: list[str] = []
    while len(trained) < most and (asked := study.next()) is not None:
        learn(asked.planned, worth(asked.planned), study.cells.code, latency_ms=10.0)
        study.tell(asked, Outcome("done"))
        trained.append(asked.planned.key)
    return trained


def _report(epoch: int, miou: float) -> EpochReport:
    return EpochReport(
        epoch=epoch,
        epochs=EPOCHS,
        losses={"total": 2.0},
        gradient_norm=1.0,
        learning_rate=1e-3,
        held_out_miou=miou if (epoch + 1) % 5 == 0 or epoch + 1 == EPOCHS else None,
        seconds=10.0,
        memory_mb=100.0,
        seconds_left=0.0,
    )
