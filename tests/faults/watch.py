"""What is seen of a grid while it runs: how often each cell was declared done, and ports."""

import threading
import time
from collections import Counter
from pathlib import Path

from tests.faults.victims import ports_of, processes_of

_LOOK_EVERY_S = 0.02
_PORTS_EVERY_S = 1.0


class Watch(threading.Thread):
    """Looks at a workspace until it is ended."""

    def __init__(self, workspace: Path) -> None:
        super().__init__(name="watch of a grid", daemon=True)
        self._workspace = workspace
        self._ended = threading.Event()
        self._seen: set[tuple[str, int, int]] = set()
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
        return Counter(key for key, _, _ in self._seen)

    def _look(self) -> None:
        for path in self._workspace.glob("cells/*/DONE.json"):
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            self._seen.add((path.parent.name, stat.st_ino, stat.st_mtime_ns))
