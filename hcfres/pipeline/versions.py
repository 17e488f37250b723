"""Versions of the stages and of cells, and the code that runs a cell."""

from hcfres.config.identity import digest
from hcfres.pipeline.stages import STAGES, recorded
from hcfres.store.stage import code_fingerprint

CELL_VERSION = 1
"""Raised by hand when what a cell means changes: every cell is then run again."""

CELL_CODE = (
    "hcfres.pipeline.split:PreparedSplit",
    "hcfres.training.cell:train",
    "hcfres.training.cell:make_network",
    "hcfres.evaluation.evaluate:evaluate_cell",
    "hcfres.evaluation.answers:scene_truth",
)
"""What decides a cell's numbers, given what the stages made."""


def stage_versions() -> dict[str, int]:
    """Version of every stage."""
    return {stage.name: stage.version for stage in STAGES}


def code_of_cells() -> str:
    """Identify the code that would run a cell now, that of its stages included.

    A stage whose code is the recorded one, or marked as making the same, counts by its version
    alone: marking a change as one without effect leaves finished cells as they are.
    """
    own = {stage.name: stage.fingerprint() for stage in STAGES}
    known = {name: told["fingerprint"] for name, told in recorded().items()}
    edited = [f"{name} {own[name]}" for name in own if known.get(name) != own[name]]
    return digest(code_fingerprint(CELL_CODE), *edited)
