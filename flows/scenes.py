"""One task per scene: how a flow spreads work over the workers and shows how far it is."""

from collections.abc import Callable, Sequence
from typing import Any

from prefect.futures import as_completed

from flows.session import Session

THREADS = 16
"""Threads that wait for workers; the workers, not these, bound what runs at once."""


def for_each(
    submit: Callable[[Any], Any],
    items: Sequence[Any],
    session: Session,
    name: str,
) -> list[Any]:
    """Submit one task an item, show progress, and return the results in the items' order.

    Args:
        submit: submits the task of one item and returns its Prefect future.
        items: what is worked on.
        session: whose workers are closed when the user interrupts.
        name: what the progress bar is called.

    Raises:
        Exception: the first failure, after every other task has ended.
    """
    futures = [submit(item) for item in items]
    with session.board.bar(name, len(items)) as bar:
        try:
            for _ in as_completed(futures):
                bar.advance()
        except KeyboardInterrupt:
            session.pool.close()
            raise
    return [future.result() for future in futures]
