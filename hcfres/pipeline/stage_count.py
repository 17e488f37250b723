"""How much of a stage is done."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StageCount:
    """One stage of all scenes, computed once however many cells read it."""

    stage: str
    results: int
    """That the cells need: one a scene, more where methods differ in what they need of it."""
    done: int
    missing: int
    stopped: int
    unsure: int
    seconds: float | None
    """Mean time that making one took, by those that are done; None where none is."""
    size: float | None
    """Mean bytes of one, likewise."""
