"""The file that carries a grid between machines (decision 168): a zip of stored members.

Every member has the place in a workspace that its name says, and the manifest has its hash.
Nothing is packed, so that no file takes more room than it is long.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field

from flows.planning.plan import ASKED
from flows.tracking.run_notes import LOGGED, NOTE, TOKEN_NOTE
from flows.workers.job_log import NAME as WORKER_LOG
from hcfres.config.base import Config
from hcfres.config.setting import Kept
from hcfres.data.acquisition.archives import Limits
from hcfres.data.files import read_json
from hcfres.pipeline.stages import STAGES

MANIFEST, PLAN = "manifest.json", "plan.json"
LIMITS = Limits(members=1_000_000, size=1 << 40, ratio=1)
_LARGEST_NOTE = 64 << 20
"""Bytes of a manifest or a plan."""
_LOCAL = (NOTE, TOKEN_NOTE, LOGGED, WORKER_LOG)
"""Files of a cell that say something of one machine only."""
_KEY, _FILE = "[0-9a-f]{16}", r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}"
CELL_FOLDERS = ("checkpoint", *(kind for kind in get_args(Kept) if kind != "last"))
"""Folders that a cell's may hold: `checkpoint` comes along when it is asked for."""
_STAGE = "|".join(stage.name for stage in STAGES)


class Manifest(Config):
    """What a file holds."""

    format: Literal["hcfres.grid/1"] = "hcfres.grid/1"
    grid: str = Field(pattern=f"^{_FILE}$")
    """Name of the grid's folder."""
    files: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]
    """The sha256 of every other member."""

    def cells(self) -> tuple[str, ...]:
        """The keys of the cells."""
        return self._folders("cells", 2)

    def entries(self) -> tuple[str, ...]:
        """The folders of results of stages, below the store."""
        return self._folders("store", 3)

    def _folders(self, top: str, depth: int) -> tuple[str, ...]:
        parts = (name.split("/") for name in self.files if name.startswith(f"{top}/"))
        return tuple(sorted({"/".join(part[1:depth]) for part in parts}))


class PlannedNote(Config):
    """A cell in a plan.json."""

    row: str
    seed: int
    key: str = Field(pattern=f"^{_KEY}$")
    state: str


class PlanNote(Config):
    """The content of a plan.json."""

    experiment: str
    setting: str
    cells: tuple[PlannedNote, ...]

    @property
    def named(self) -> tuple[tuple[str, int, str], ...]:
        """Row, seed and key of each cell: what stays as cells are finished."""
        return tuple((cell.row, cell.seed, cell.key) for cell in self.cells)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        DataError: it is none.
    """
    return read_json(path, Manifest.model_validate_json, largest=_LARGEST_NOTE)


def read_plan(folder: Path) -> PlanNote:
    """Read a grid's plan.

    Raises:
        DataError: there is none, or it is broken.
    """
    way_out = "`hcfres reproduce` writes it"
    return read_json(folder / PLAN, PlanNote.model_validate_json, way_out, _LARGEST_NOTE)


def is_carried(name: str) -> bool:
    """Whether a file of a cell's folder goes along."""
    return re.fullmatch(_FILE, name) is not None and name not in _LOCAL


def out_of_place(names: Iterable[str], grid: str) -> list[str]:
    """The names that no member of a grid's file may have."""
    found = re.escape(grid)
    places = re.compile(
        f"grids/{found}/{PLAN}"
        f"|grids/{found}/{ASKED}/((methods|settings)/)?{_FILE}[.]toml"
        f"|cells/{_KEY}/(({'|'.join(CELL_FOLDERS)})/)?{_FILE}"
        f"|store/({_STAGE})/{_FILE}-{_KEY}/{_FILE}"
    )
    return [
        name
        for name in sorted(names)
        if not places.fullmatch(name) or not is_carried(name.rpartition("/")[2])
    ]


def listed(manifest: Manifest, members: Mapping[str, int]) -> list[str]:
    """Where a manifest and the members of its file differ, in words."""
    there = members.keys() - {MANIFEST}
    told = manifest.files.keys()
    problems = [f"{name} is not in the manifest" for name in sorted(there - told)]
    problems += [f"{name} is missing" for name in sorted(told - there)]
    problems += [f"{name} has no place here" for name in out_of_place(there & told, manifest.grid)]
    return problems
