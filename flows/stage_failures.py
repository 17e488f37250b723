"""A stage that some scenes lack, because it failed for them."""

from collections.abc import Sequence
from dataclasses import dataclass

from flows.workers.pool import JobError

_TOLD = 3
"""Scenes whose failure is told in full."""


@dataclass(frozen=True)
class SceneFailure:
    """One stage of one scene that failed."""

    stage: str
    scene: str
    error: JobError

    def __str__(self) -> str:
        """Name the stage and the scene."""
        return f"{self.stage} of {self.scene}"


class StageError(JobError):
    """Stages failed for some scenes; those of the others are done and kept."""

    def __init__(self, failures: Sequence[SceneFailure]) -> None:
        first = failures[0].error
        told = [f"{failure}: {failure.error}" for failure in failures[:_TOLD]]
        rest = len(failures) - len(told)
        super().__init__(
            "; ".join(told)
            + (f"; and {rest} more scenes" if rest else "")
            + ". Other scenes are done; run the same command again to retry only these",
            first.details,
            first.kind,
            first.device,
        )
        self.failures = tuple(failures)
