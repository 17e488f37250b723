"""Devices that are free, each with its warm worker or without one, and who is next."""

import heapq
import itertools
import threading

from flows.workers.worker import Worker

Free = Worker | str
"""A worker, or the device on which one is to be started."""


class FreeDevices:
    """Gives each free device to whoever waits: the urgent first, then in the order of asking."""

    def __init__(self, devices: tuple[str, ...]) -> None:
        self._free: list[Free] = list(devices)
        self._asking: list[tuple[bool, int]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()

    def take(self, urgent: bool) -> Free:
        """Wait until it is our turn and something is free; a warm worker before a cold device."""
        with self._changed:
            ours = (not urgent, next(self._numbers))
            heapq.heappush(self._asking, ours)
            self._changed.wait_for(lambda: self._free and self._asking[0] == ours)
            heapq.heappop(self._asking)
            warm = [one for one in self._free if isinstance(one, Worker)]
            chosen = warm[0] if warm else self._free[0]
            self._free.remove(chosen)
            self._changed.notify_all()
            return chosen

    def give(self, free: Free) -> None:
        """Give back."""
        with self._changed:
            self._free.append(free)
            self._changed.notify_all()
