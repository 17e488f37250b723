"""What workers are asked to do for datasets; unlike `flows.jobs` this brings no torch."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from hcfres.data.acquisition.bring import bring_scan, bring_shared, with_known_sizes
from hcfres.data.acquisition.checks import examine_room, examine_scan
from hcfres.data.acquisition.inventory import Unit
from hcfres.data.acquisition.order import Order
from hcfres.data.acquisition.origin import Origin, open_origin
from hcfres.data.acquisition.recordings import STAGING, Listeners

Emit = Callable[[Any], None]

_TOLD_EVERY = 1 << 20
"""Bytes between two events."""


def look_at_scan(_: Emit, order: Order, scene: str) -> Unit:
    """Say what is there of a scan."""
    return examine_scan(order, scene)


def look_at_room(_: Emit, order: Order, seed: int, frames: int) -> Unit:
    """Say what is there of a room."""
    return examine_room(order, seed, frames)


def ask_sizes(_: Emit, order: Order, unit: Unit, all_files: bool) -> Unit:
    """Ask where the files come from how long those that are missing are."""
    return with_known_sizes(order, unit, origin_of(order), all_files)


def fetch_scan(emit: Emit, order: Order, scene: str) -> None:
    """Fetch what is missing of a scan, extract its frames; events are bytes that came."""
    bring_scan(order, scene, origin_of(order), Listeners(fetched=_throttled(emit)))


def fetch_shared(emit: Emit, order: Order) -> None:
    """Fetch lists or sentences; events are bytes that came."""
    bring_shared(order, origin_of(order), Listeners(fetched=_throttled(emit)))


def origin_of(order: Order) -> Origin:
    """Open where an order's files come from; once a process, so that connections are kept."""
    return _opened(order.source or "", order)


@lru_cache(maxsize=4)
def _opened(source: str, order: Order) -> Origin:
    return open_origin(source, order.root / STAGING)


def _throttled(emit: Emit) -> Callable[[int, int | None], None]:
    """Turn counts of each file into increments worth a message, whichever file they are of."""
    last = unsent = 0

    def told(done: int, total: int | None) -> None:
        nonlocal last, unsent
        unsent += done - last if done >= last else done
        last = 0 if done == total else done
        if unsent >= _TOLD_EVERY or done == total:
            emit(unsent)
            unsent = 0

    return told
