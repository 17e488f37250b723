"""The processes that train together, as each of them knows them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Team:
    """Which of the processes this is. No number depends on it."""

    rank: int = 0
    size: int = 1
    meeting: Path | None = None
    """A file that does not exist yet, the same for all, where they find each other; None for one
    process alone."""


ALONE = Team()
