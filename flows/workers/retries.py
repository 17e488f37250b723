"""Which failures are tried again, and how often: the one place that says so."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from flows.workers.failures import Kind
from flows.workers.pool import JobError

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """A job is tried again where its process is to blame, not for what it raised (decision 146)."""

    attempts: int = 2
    """Of one job in one invocation; asking for the grid again begins to count anew."""
    kinds: frozenset[Kind] = frozenset({"died", "hung", "out of memory", "device"})
    places: int = 10
    """Attempts, where each worker so far, or the last, was lost with its place (decision 173)."""

    def allows(self, error: JobError) -> bool:
        """Whether to try once more after this."""
        if error.kind == "lost":
            return error.attempts < self.places
        return error.kind in self.kinds and error.attempts < self.attempts


POLICY = RetryPolicy()


def persist(
    attempt: Callable[[], T],
    told: Callable[[JobError], None],
    policy: RetryPolicy = POLICY,
) -> T:
    """Try until it works or the policy has enough.

    Args:
        attempt: goes on from what the one before left on the disk.
        told: of each failure that is not the last.

    Raises:
        JobError: the last failure, which knows how many attempts there were.
    """
    number = 1
    while True:
        try:
            return attempt()
        except JobError as error:
            error.attempts = number
            if not policy.allows(error):
                raise
            told(error)
        number += 1
