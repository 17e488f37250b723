"""From the points of a search's space to cells, and what the disk knows of those.

Nothing here imports torch, Optuna or an orchestrator.
"""

import contextlib
import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from flows.cells.trained import Trained, read_trained
from flows.planning.measured import Typical, tree_size
from flows.planning.plan import PlannedCell, input_keys, plan_cell
from flows.tracing.origin import read_origin
from flows.workers.machine import expected_devices
from hcfres.config.cell import CellConfig
from hcfres.config.identity import digest
from hcfres.config.loading import parse
from hcfres.config.rows import Row
from hcfres.config.search_file import Search
from hcfres.config.setting import SettingConfig
from hcfres.config.space import Values
from hcfres.data.errors import DataError
from hcfres.pipeline.versions import code_of_cells
from hcfres.store.workspace import Workspace

_WEIGHED = 20
"""Trained cells whose bytes are counted."""


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
    devices: tuple[str, ...] = field(default_factory=expected_devices)
    """One for each worker that will train cells."""
    hardware: str | None = None
    """That these are of, as `hardware_of` names it; None: whatever a cluster gives."""

    @property
    def kind(self) -> str:
        """The kind of these devices: `cpu` or `cuda`."""
        return self.devices[0].partition(":")[0]

    @cached_property
    def identity(self) -> str:
        """Identify the study: what is tried and how, on which data, by which code.

        Where time counts, on which devices too: what one takes says nothing of another.
        How many trials are asked for, and how a winner is named, may change while it lasts.
        """
        config = self.search.config
        told = config.model_dump(mode="json", exclude={"title", "trials", "confirm", "setting"})
        base = CellConfig(
            method=self.search.space.base, setting=self.setting, seed=config.cell_seed
        )
        inputs = input_keys(base, self.workspace)
        devices = (self.kind, *filter(None, [self.hardware]))
        timed = devices if "latency_ms" in config.objectives else ()
        return digest("study", json.dumps(told, sort_keys=True), base, *inputs, self.code, *timed)

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
        return read_trained(planned, self.code, self.kind, self.accept_code, self.hardware)

    def found(self) -> Iterator[Found]:
        """Give the trained cells of the workspace that lie in the space, with the trials' seed."""
        for values, planned in self._in_space((self.search.config.cell_seed,)):
            if (trained := self.trained(planned)) is not None:
                yield Found(values, planned.key, trained)

    def finished_by_other_code(self) -> int:
        """Count the finished cells that a trial or a further seed would train anew."""
        if self.accept_code:
            return 0
        config = self.search.config
        there = self._in_space((config.cell_seed, *config.confirm.seeds))
        return sum(planned.state == "other code" for _, planned in there)

    def _in_space(self, seeds: Sequence[int]) -> Iterator[tuple[Values, PlannedCell]]:
        """Give the cells of the workspace with these seeds that lie in the space."""
        for cell in self._cells():
            if cell.seed not in seeds:
                continue
            values = self.search.space.values_of(cell.method)
            if values is not None and digest(cell.setting) == digest(self.setting):
                yield values, self.planned(values, "found", cell.seed)

    def typical(self) -> Typical | None:
        """Give what a training of the setting takes, by the whole ones measured on such a device.

        Returns:
            None before the first. Seconds are without validation, which a search does not read.
        """
        same = (c for c in self._cells() if digest(c.setting) == digest(self.setting))
        planned = [
            plan_cell(Row(cell.method.name, cell.method, {}, {}), cell, self.workspace, self.code)
            for cell in same
        ]
        alike = [cell for cell in planned if _kind_of(cell.folder) in (self.kind, None)]
        read = [(c, read_trained(c, self.code, self.kind, accept_code=True)) for c in alike]
        known = [(cell.folder, trained.seconds) for cell, trained in read if trained is not None]
        if not known:
            return None
        size = statistics.median(tree_size(folder) for folder, _ in known[-_WEIGHED:])
        seconds = statistics.median(seconds for _, seconds in known)
        return Typical(seconds, int(size), len(known), same_method=False)

    def _cells(self) -> Iterator[CellConfig]:
        """Read what each cell of the workspace is; what this program cannot read is left out."""
        for path in sorted(self.workspace.cells.glob("*/cell.json")):
            try:
                yield parse(json.loads(path.read_text()), CellConfig, str(path))
            except (OSError, ValueError):
                continue


def _kind_of(folder: Path) -> str | None:
    """The kind of device that trained a cell; None where its folder does not say."""
    with contextlib.suppress(DataError):
        origin = read_origin(folder)
        return origin.last.device.partition(":")[0] if origin is not None else None
    return None
