"""From the points of a search's space to cells, and what the disk knows of those.

Nothing here imports torch, Optuna or an orchestrator.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from flows.cells.trained import Trained, read_trained
from flows.planning.plan import PlannedCell, input_keys, plan_cell
from hcfres.config.cell import CellConfig
from hcfres.config.identity import digest
from hcfres.config.loading import parse
from hcfres.config.rows import Row
from hcfres.config.search_file import Search
from hcfres.config.setting import SettingConfig
from hcfres.config.space import Values
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.workspace import Workspace


@dataclass(frozen=True)
class Found:
    """A cell of the workspace that lies in the space."""

    values: Values
    key: str
    trained: Trained


@dataclass(frozen=True)
class SearchCells:
    """A search in a setting and a workspace."""

    search: Search
    setting: SettingConfig
    workspace: Workspace
    accept_code: bool = False
    """What other code trained counts too."""
    code: str = field(default_factory=code_of_cells)

    @cached_property
    def identity(self) -> str:
        """Identify the study: what is tried and how, on which data, by which code.

        How many trials are asked for, and how a winner is named, may change while it lasts.
        """
        config = self.search.config
        told = config.model_dump(mode="json", exclude={"title", "trials", "confirm", "setting"})
        base = CellConfig(
            method=self.search.space.base, setting=self.setting, seed=config.cell_seed
        )
        inputs = input_keys(base, self.workspace)
        return digest("study", json.dumps(told, sort_keys=True), base, *inputs, self.code)

    @property
    def folder(self) -> Path:
        """Where the study's trials, report and winner are."""
        name = f"{self.search.name}-{self.setting.name}-{self.identity}"
        return self.workspace.studies / name

    def planned(self, values: Values, label: str, seed: int | None = None) -> PlannedCell:
        """Look up the cell of a point.

        Args:
            label: names it for people.
            seed: by default that of the trials.

        Raises:
            ConfigError: the values do not go together.
        """
        method = self.search.space.method(values)
        seed = self.search.config.cell_seed if seed is None else seed
        cell = CellConfig(method=method, setting=self.setting, seed=seed)
        return plan_cell(Row(label, method, {}, {}), cell, self.workspace, self.code)

    def trained(self, planned: PlannedCell) -> Trained | None:
        """Read what a cell reached; None unless it was trained whole."""
        return read_trained(planned, self.code, self.accept_code)

    def found(self) -> Iterator[Found]:
        """Give the trained cells of the workspace that lie in the space, with the trials' seed."""
        for cell in self._cells():
            if cell.seed != self.search.config.cell_seed:
                continue
            values = self.search.space.values_of(cell.method)
            if values is None or digest(cell.setting) != digest(self.setting):
                continue
            planned = self.planned(values, "found")
            if (trained := self.trained(planned)) is not None:
                yield Found(values, planned.key, trained)

    def seconds(self) -> list[float]:
        """Give the seconds of every whole training of the setting in this workspace."""
        same = (c for c in self._cells() if digest(c.setting) == digest(self.setting))
        planned = (
            plan_cell(Row(cell.method.name, cell.method, {}, {}), cell, self.workspace, self.code)
            for cell in same
        )
        known = (read_trained(cell, self.code, accept_code=True) for cell in planned)
        return [trained.seconds for trained in known if trained is not None]

    def _cells(self) -> Iterator[CellConfig]:
        """Read what each cell of the workspace is; what this program cannot read is left out."""
        for path in sorted(self.workspace.cells.glob("*/cell.json")):
            try:
                yield parse(json.loads(path.read_text()), CellConfig, str(path))
            except (OSError, ValueError):
                continue
