"""What the near side asks of Ray, Slurm, or whatever else runs programs on other machines."""

from typing import Protocol

from flows.workers.ticket import Kind


class Hire(Protocol):
    """One `outpost.hold` that somebody was asked to run."""

    def ended(self) -> str | None:
        """Say how it ended; None while it waits or runs."""

    def waits_for(self) -> str:
        """What it waits for, as far as one knows."""

    def cancel(self) -> None:
        """End it, or take it out of the queue, and remove what was kept for it."""


class Site(Protocol):
    """Somebody who runs `outpost.hold` on other machines."""

    @property
    def name(self) -> str:
        """Name it as the command line does."""

    @property
    def size(self) -> int:
        """How many workers there may be at once."""

    @property
    def kind(self) -> Kind:
        """Of device that each of them gets."""

    @property
    def address(self) -> str:
        """Of this machine, as its workers reach it."""

    def hire(self, ticket: str) -> Hire:
        """Ask for one more outpost."""

    def close(self) -> None:
        """Want nothing more of it; what was hired is cancelled already."""
