"""What a grid consists of, what of it is done, and how long the rest will take.

Nothing here imports torch or an orchestrator: asking again for a finished grid costs a second.
"""

import json
import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from flows.datasets import content_key
from hcfres.config.cell import CellConfig
from hcfres.config.identity import digest
from hcfres.config.rows import Experiment, Row
from hcfres.config.setting import SettingConfig
from hcfres.pipeline.versions import CELL_VERSION, stage_versions
from hcfres.store.files import write_atomic
from hcfres.store.weights import weights_identity
from hcfres.store.workspace import Workspace

State = Literal["done", "partial", "missing", "other code"]


class PlanError(ValueError):
    """A grid that cannot be started as it is asked for."""


@dataclass(frozen=True)
class PlannedCell:
    """One cell of a grid and what the disk knows of it."""

    row: Row
    cell: CellConfig
    key: str
    folder: Path
    state: State
    seconds: float | None
    """How long it took, when it is done."""
    accepted: bool = False
    """Made by other code, and kept all the same."""

    @property
    def label(self) -> str:
        """Name the cell for people."""
        return f"{self.row.name}, seed {self.cell.seed}"


@dataclass(frozen=True)
class Plan:
    """A grid: the cells of an experiment in a setting."""

    experiment: Experiment
    setting: SettingConfig
    cells: tuple[PlannedCell, ...]
    folder: Path
    measured: float | None
    """Median seconds of a cell of this setting in this workspace; None before the first."""

    @property
    def todo(self) -> tuple[PlannedCell, ...]:
        """The cells that are not done."""
        return tuple(cell for cell in self.cells if cell.state != "done")

    def estimate_s(self, workers: int) -> float | None:
        """Seconds until the grid is done, cells only; None while no cell has been measured."""
        if self.measured is None:
            return None
        rounds = -(-len(self.todo) // workers)
        return rounds * self.measured


def make_plan(
    experiment: Experiment,
    setting: SettingConfig,
    workspace: Workspace,
    code: str,
    only: tuple[str, ...] = (),
    seeds: tuple[int, ...] = (),
) -> Plan:
    """Expand an experiment into cells and look each of them up on the disk.

    Args:
        code: fingerprint of the code that would run the cells now; finished cells of other code
            are planned again.
    """
    cells = tuple(
        _look_up(row, cell, cell_key(cell, input_keys(cell, workspace)), workspace, code)
        for row, cell in experiment.cells(setting, only, seeds)
    )
    identity = digest(experiment.name, *(cell.key for cell in cells))
    folder = workspace.grids / f"{experiment.name}-{setting.name}-{identity}"
    return Plan(experiment, setting, cells, folder, _measured(workspace, setting.name))


def input_keys(cell: CellConfig, workspace: Workspace) -> tuple[str, ...]:
    """Identify what a cell reads: data, the stages' versions, and the weights its method uses."""
    setting, semantics = cell.setting, cell.method.semantics
    names = [setting.text.weights]
    if semantics is not None:
        names.append(setting.clip.weights)
    if semantics is not None and "instance" in semantics.granularities:
        names.append(setting.sam.weights)
    if setting.training.backbone_weights is not None:
        names.append(setting.training.backbone_weights)
    weights = [weights_identity(name, workspace.weights) for name in names]
    versions = json.dumps(stage_versions(), sort_keys=True)
    return (content_key(setting, workspace), versions, *weights)


def cell_key(cell: CellConfig, inputs: tuple[str, ...]) -> str:
    """Identify a cell: version, whole resolved configuration, inputs and seed."""
    return digest("cell", CELL_VERSION, cell, *inputs)


def accept(plan: Plan) -> Plan:
    """Keep the finished cells that other code made; the tables mark them."""
    cells = tuple(
        replace(cell, state="done", accepted=True) if cell.state == "other code" else cell
        for cell in plan.cells
    )
    return replace(plan, cells=cells)


def finished(plan: Plan) -> Plan:
    """Give the plan as it is when every cell of it was run."""
    return replace(plan, cells=tuple(replace(cell, state="done") for cell in plan.cells))


def write_plan(plan: Plan) -> None:
    """Keep the plan on the disk, readable: the grid's truth beside its cells'."""
    told = {
        "experiment": plan.experiment.name,
        "setting": plan.setting.name,
        "cells": [
            {"row": c.row.name, "seed": c.cell.seed, "key": c.key, "state": c.state}
            for c in plan.cells
        ],
    }
    write_atomic(plan.folder / "plan.json", json.dumps(told, indent=1).encode())


def _look_up(row: Row, cell: CellConfig, key: str, workspace: Workspace, code: str) -> PlannedCell:
    folder = workspace.cells / key
    state: State = "partial" if (folder / "checkpoint").is_dir() else "missing"
    seconds = None
    if (done := _done(folder)) is not None:
        state = "done" if done["code"] == code else "other code"
        seconds = float(done["seconds"])
    return PlannedCell(row, cell, key, folder, state, seconds)


def _done(folder: Path) -> dict | None:
    """Read what a finished cell says of itself; sizes are checked, so that a hit is whole."""
    try:
        done: dict = json.loads((folder / "DONE.json").read_text())
        whole = all((folder / name).stat().st_size == size for name, size in done["files"].items())
    except (OSError, ValueError, KeyError):
        return None
    return done if whole else None


def _measured(workspace: Workspace, setting: str) -> float | None:
    seconds = [
        float(done["seconds"])
        for path in workspace.cells.glob("*/DONE.json")
        if (done := _done(path.parent)) is not None and done["setting"] == setting
    ]
    return statistics.median(seconds) if seconds else None
