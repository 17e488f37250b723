"""Progress of long work: bars with the time left on a terminal, a line now and then elsewhere."""

import contextlib
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_SECONDS_BETWEEN_LINES = 10.0


class Bar:
    """The progress of one piece of work; safe to advance from several threads."""

    def __init__(self, name: str, total: int, shown: Progress | None, console: Console) -> None:
        self._name, self._total, self._done = name, total, 0
        self._shown, self._console = shown, console
        self._task: TaskID | None = shown.add_task(name, total=total, note="") if shown else None
        self._started = self._told = time.monotonic()
        self._lock = threading.Lock()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Move by `steps` and say what was just done."""
        with self._lock:
            self._done += steps
            if self._shown is not None and self._task is not None:
                self._shown.update(self._task, advance=steps, note=note)
            elif time.monotonic() - self._told > _SECONDS_BETWEEN_LINES:
                self._tell(note)

    def finish(self) -> None:
        """Say once more, where there are no bars, how it ended."""
        if self._shown is None:
            self._tell("")

    def _tell(self, note: str) -> None:
        self._told = time.monotonic()
        spent = self._told - self._started
        left = spent / self._done * (self._total - self._done) if self._done else float("nan")
        about = f"about {left:.0f} s left" if 0 < self._done < self._total else f"{spent:.0f} s"
        self._console.print(f"{self._name}: {self._done}/{self._total}, {about} {note}".rstrip())


class ProgressBoard:
    """Where bars are shown."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._shown: Progress | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator["ProgressBoard"]:
        """Show bars while inside, when the console is a terminal."""
        if not self.console.is_terminal:
            yield self
            return
        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[note]}"),
        )
        with Progress(*columns, console=self.console) as shown:
            self._shown = shown
            try:
                yield self
            finally:
                self._shown = None

    @contextlib.contextmanager
    def bar(self, name: str, total: int) -> Iterator[Bar]:
        """Show one piece of work of `total` steps."""
        bar = Bar(name, total, self._shown, self.console)
        yield bar
        bar.finish()
