"""Versions of the rooms, the stages and the cells, and the code that each stands for."""

from dataclasses import dataclass

from hcfres.config.identity import digest
from hcfres.data.rooms import code as rooms
from hcfres.data.rooms.seeds import ROOMS_VERSION
from hcfres.pipeline.stages import STAGES
from hcfres.store.recorded import recorded
from hcfres.store.stage import code_fingerprint

CELL_VERSION = 1
"""Raised by hand when what a cell means changes: every cell is then run again."""

CELL_CODE = ("flows.cells.jobs:train", "flows.cells.jobs:evaluate")
"""What decides a cell's numbers, given what the stages made; read as text, never imported here."""


@dataclass(frozen=True)
class Guarded:
    """A version that is raised by hand, and the code it stands for."""

    name: str
    version: int
    roots: tuple[str, ...]
    """Functions and classes, `package.module:name`: they, and all they reach."""
    set_in: str
    """The file where the version is raised."""

    def fingerprint(self) -> str:
        """Identify the code, as this process found it on the disk."""
        return code_fingerprint(self.roots)


ROOMS = Guarded(rooms.NAME, ROOMS_VERSION, rooms.ROOTS, "hcfres/data/rooms/seeds.py")
"""What writes scans and frames, and what writes sentences."""

GUARDED = (
    ROOMS,
    *(Guarded(s.name, s.version, s.roots, "hcfres/pipeline/stages.py") for s in STAGES),
)
"""Everything that has a record, in the order of the line."""


def stage_versions() -> dict[str, int]:
    """Version of every stage."""
    return {stage.name: stage.version for stage in STAGES}


def code_of_cells() -> str:
    """Identify the code that would run a cell now, that of its rooms and stages included.

    Where their code is the recorded one, or marked as making the same, it counts by its version
    alone: marking a change as one without effect leaves finished cells as they are.
    """
    own = {item.name: item.fingerprint() for item in GUARDED}
    known = {name: told["fingerprint"] for name, told in recorded().items()}
    edited = [f"{name} {own[name]}" for name in own if known.get(name) != own[name]]
    return digest(code_fingerprint(CELL_CODE), *edited)
