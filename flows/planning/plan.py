"""What a grid consists of, what of it is done, and how long the rest will take.

Nothing here imports torch or an orchestrator: asking again for a finished grid costs a second.
"""

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from flows.cells.finished import Look, read_finished
from flows.datasets import content_key
from flows.planning.measured import MeasuredCell, Typical, measured_cells, typical
from flows.workers.machine import expected_devices
from hcfres.config.base import Config
from hcfres.config.cell import CellConfig
from hcfres.config.experiment import AblationConfig
from hcfres.config.identity import VARIED, Digests, Part, Told, digest
from hcfres.config.rows import Experiment, Row
from hcfres.config.setting import SettingConfig
from hcfres.language.parsing.registry import parser_identity
from hcfres.pipeline.versions import CELL_VERSION, stage_versions
from hcfres.store.files import write_atomic
from hcfres.store.weights import weights_identity
from hcfres.store.workspace import Workspace

ASKED = "experiments"
"""In a grid's folder: the files that it was asked for with."""
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
    workspace: Workspace
    devices: tuple[str, ...] = field(default_factory=expected_devices)
    """One for each worker that will run it."""
    look: Look = read_finished
    """How finished cells are read."""
    named: str = ""
    """What `--setting` was given, a name or a path; empty: the setting's name."""

    @property
    def todo(self) -> tuple[PlannedCell, ...]:
        """The cells that are not done."""
        return tuple(cell for cell in self.cells if cell.state != "done")

    def typical(self, method: str) -> Typical | None:
        """What a cell of a method takes, by what was measured on such a device as will run it."""
        kind = self.devices[0].partition(":")[0]
        return typical(self._measured, self.setting.name, method, kind, self.workspace)

    @cached_property
    def _measured(self) -> tuple[MeasuredCell, ...]:
        return measured_cells(self.workspace, self.look)


def make_plan(
    experiment: Experiment,
    setting: SettingConfig,
    workspace: Workspace,
    code: str,
    only: tuple[str, ...] = (),
    seeds: tuple[int, ...] = (),
    look: Look = read_finished,
) -> Plan:
    """Expand an experiment into cells and look each of them up on the disk.

    Args:
        code: fingerprint of the code that would run the cells now; finished cells of other code
            are planned again.
        look: a cache of `read_finished`, where several plans are made while nothing runs.
    """
    keys: dict[str, _Keys] = {}
    cells = []
    for row, cell in experiment.cells(setting, only, seeds):
        if row.name not in keys:
            keys[row.name] = _Keys(cell, input_keys(cell, workspace))
        cells.append(_look_up(row, cell, keys[row.name].of(cell.seed), workspace, code, look))
    identity = digest(experiment.name, experiment.config, *(cell.key for cell in cells))
    folder = workspace.grids / f"{experiment.name}-{setting.name}-{identity}"
    return Plan(experiment, setting, tuple(cells), folder, workspace, look=look)


def input_keys(cell: CellConfig, workspace: Workspace) -> tuple[str, ...]:
    """Identify what a cell reads: data, the stages' versions, the weights its method uses, and
    the parser of its sentences."""
    weights = [weights_identity(name, workspace.weights) for name in used_weights(cell).values()]
    versions = json.dumps(stage_versions(), sort_keys=True)
    parser = parser_identity(cell.setting.text.parser, workspace.weights)
    return (content_key(cell.setting, workspace), versions, *weights, parser)


def used_weights(cell: CellConfig) -> dict[str, str]:
    """Name the weights that a cell's method uses, by what they are of."""
    setting, semantics = cell.setting, cell.method.semantics
    names = {"text": setting.text.weights}
    if semantics is not None:
        names["clip"] = setting.clip.weights
    if semantics is not None and "instance" in semantics.granularities:
        names["sam"] = setting.sam.weights
    if setting.training.backbone_weights is not None:
        names["backbone"] = setting.training.backbone_weights
    return names


def cell_key(cell: CellConfig, inputs: tuple[str, ...]) -> str:
    """Identify a cell: version, whole resolved configuration, inputs and seed."""
    return _Keys(cell, inputs).of(cell.seed)


class _Keys:
    """The keys of cells that differ in their seed alone."""

    def __init__(self, cell: CellConfig, inputs: tuple[str, ...]) -> None:
        same: dict[str, Part] = {name: _told(value) for name, value in cell}
        self._digests = Digests("cell", CELL_VERSION, same | {"seed": VARIED}, *inputs)

    def of(self, seed: int) -> str:
        return self._digests.of(seed)


def _told(value: Config | int) -> Part:
    return Told(value) if isinstance(value, Config) else value


def accept(plan: Plan) -> Plan:
    """Keep the finished cells that other code made; the tables mark them."""
    cells = tuple(
        replace(cell, state="done", accepted=True) if cell.state == "other code" else cell
        for cell in plan.cells
    )
    return replace(plan, cells=cells)


def refreshed(plan: Plan, code: str) -> Plan:
    """Look every cell up again, as after a run; accepted ones stay accepted."""
    cells = tuple(
        cell if cell.accepted else _look_up(cell.row, cell.cell, cell.key, plan.workspace, code)
        for cell in plan.cells
    )
    return replace(plan, cells=cells, look=read_finished)


def write_plan(plan: Plan) -> None:
    """Keep the plan on the disk, readable: the grid's truth beside its cells'.

    The files it was asked for with lie beside it, as they were.
    """
    told = {
        "experiment": plan.experiment.name,
        "setting": plan.setting.name,
        "cells": [
            {"row": c.row.name, "seed": c.cell.seed, "key": c.key, "state": c.state}
            for c in plan.cells
        ],
    }
    write_atomic(plan.folder / "plan.json", json.dumps(told, indent=1).encode())
    for name, path in _asked_with(plan).items():
        write_atomic(plan.folder / ASKED / name, path.read_bytes())


def _asked_with(plan: Plan) -> dict[str, Path]:
    """The files of a table, its setting and its methods, by their places in `experiments/`."""
    source, config = plan.experiment.source, plan.experiment.config
    methods = (config.base,) if isinstance(config, AblationConfig) else config.rows
    return {
        f"{plan.experiment.name}.toml": source,
        f"settings/{plan.setting.name}.toml": plan.experiment.setting_path(
            plan.named or plan.setting.name
        ),
        **{f"methods/{name}.toml": source.parent / "methods" / f"{name}.toml" for name in methods},
    }


def plan_cell(row: Row, cell: CellConfig, workspace: Workspace, code: str) -> PlannedCell:
    """Look one cell up on the disk; `row` names it for people."""
    return _look_up(row, cell, cell_key(cell, input_keys(cell, workspace)), workspace, code)


def _look_up(
    row: Row,
    cell: CellConfig,
    key: str,
    workspace: Workspace,
    code: str,
    look: Look = read_finished,
) -> PlannedCell:
    folder = workspace.cells / key
    if (finished := look(folder)) is not None:
        state: State = "done" if finished.code == code else "other code"
        return PlannedCell(row, cell, key, folder, state, finished.seconds)
    begun = (folder / "checkpoint").is_dir()
    return PlannedCell(row, cell, key, folder, "partial" if begun else "missing", None)
