"""What is seen of a grid while it runs: epochs and declarations of each cell, and ports."""

import threading
import time
from collections import Counter
from pathlib import Path

from tests.faults.damage import cell_of
from tests.faults.victims import ports_of, processes_of

_DONE, _STATE = "cells/*/DONE.json", "cells/*/checkpoint/state.safetensors"
_LOOK_EVERY_S = 0.02
_PORTS_EVERY_S = 1.0


class Watch(threading.Thread):
    """Looks at a workspace until it is ended."""

    def __init__(self, workspace: Path) -> None:
        super().__init__(name="watch of a grid", daemon=True)
        self._workspace = workspace
        self._ended = threading.Event()
        self._seen: dict[str, set[tuple[str, int, int]]] = {_DONE: set(), _STATE: set()}
        self.ports: set[int] = set()
        """On which any of the grid's processes listened."""

    def run(self) -> None:
        """Look, again and again."""
        ports_at = 0.0
        while not self._ended.wait(_LOOK_EVERY_S):
            self._look()
            if time.monotonic() > ports_at:
                self.ports |= ports_of(processes_of(self._workspace))
                ports_at = time.monotonic() + _PORTS_EVERY_S

    def end(self) -> None:
        """Look for a last time."""
        self._ended.set()
        self.join()
        self._look()

    def declared(self) -> Counter[str]:
        """How often each cell was declared done: how many files of that name it had."""
        return Counter(key for key, _, _ in self._seen[_DONE])

    def epochs(self) -> Counter[str]:
        """How many epochs of each cell ended in a checkpoint, those that were redone included."""
        return Counter(key for key, _, _ in self._seen[_STATE])

    def _look(self) -> None:
        for pattern, seen in self._seen.items():
            for path in self._workspace.glob(pattern):
                try:
                    stat = path.stat()
                except FileNotFoundError:
                    continue
                key = cell_of(path, self._workspace)
                seen.add((key, stat.st_ino, stat.st_mtime_ns))
