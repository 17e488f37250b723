"""Progress of long work: one live view on a terminal, a plain line now and then elsewhere."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from flows.live.expectation import Expected
from flows.live.state import ACTIVE, LiveCell, grid_left_s
from flows.live.view import cell_table, headline, said_of

_SECONDS_BETWEEN_LINES = 10.0
_FRAMES_A_SECOND = 4
_PACE_S = 7 * 24 * 3600.0
"""Of the steps in so long a bar's pace is taken: one may last hours."""


class Lines:
    """Plain lines: what has ended at once, anything else now and then."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._told = clock()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Write a line."""
        with self._lock:
            self._told = self._clock()
            self._console.print(escape(text.rstrip()), highlight=False, soft_wrap=True)

    def sometimes(self, text: Callable[[], str]) -> None:
        """Write a line unless one was written a moment ago."""
        with self._lock:
            due = self._clock() - self._told > _SECONDS_BETWEEN_LINES
        if due:
            self.say(text())


class Bar:
    """The progress of one piece of work; safe to advance from several threads."""

    def __init__(
        self,
        name: str,
        total: int,
        shown: Progress | None,
        lines: Lines,
        clock: Callable[[], float] = time.monotonic,
        done: int = 0,
    ) -> None:
        """Begin.

        Args:
            done: steps that were done before, and say nothing of the pace.
        """
        self.name = name
        self._total, self._before, self._done = total, done, done
        self._shown, self._lines, self._clock = shown, lines, clock
        self._task: TaskID | None = None
        if shown is not None:
            self._task = shown.add_task(name, total=total, completed=done, note="")
        self._started = clock()
        self._lock = threading.Lock()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Move by `steps` and say what was just done."""
        with self._lock:
            self._done += steps
            if self._shown is not None and self._task is not None:
                self._shown.update(self._task, advance=steps, note=note)
                return
        self._lines.sometimes(lambda: self._text(note))

    def finish(self) -> None:
        """Say that it is done."""
        self._lines.say(self._text(""))

    def leave(self) -> None:
        """Leave the view."""
        if self._shown is not None and self._task is not None:
            self._shown.remove_task(self._task)

    @property
    def left_s(self) -> float | None:
        """Seconds until it is done, by its pace; None before its first step."""
        steps = self._done - self._before
        if steps <= 0:
            return None
        return (self._clock() - self._started) / steps * (self._total - self._done)

    def _text(self, note: str) -> str:
        left = self.left_s
        spent = f"{self._clock() - self._started:.0f} s"
        about = f"about {left:.0f} s left" if left else spent
        return f"{self.name}: {self._done}/{self._total}, {about} {note}"


class ProgressBoard:
    """Where the progress of an invocation is shown."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self._clock = clock
        self._lines = Lines(console, clock)
        self._bars: Progress | None = None
        self._open: list[Bar] = []
        self._begun: set[str] = set()
        self._expected: Expected | None = None
        self._cells: dict[str, LiveCell] = {}

    @contextlib.contextmanager
    def open(self) -> Iterator["ProgressBoard"]:
        """Show the live view while inside, when the console is a terminal."""
        if not self.console.is_terminal or self.console.is_dumb_terminal:
            yield self
            return
        self._bars = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=self.console,
            auto_refresh=False,
            speed_estimate_period=_PACE_S,
        )
        try:
            with Live(
                console=self.console,
                get_renderable=self._view,
                refresh_per_second=_FRAMES_A_SECOND,
            ):
                yield self
        finally:
            self._bars = None

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self._lines.say(text)

    def expect(self, expected: Expected) -> None:
        """Show the cells of a grid that are to be run, and how long all of it will take."""
        self._expected = expected
        for key, (label, seconds) in expected.cells.items():
            self._cells[key] = LiveCell(label, seconds, self._clock, self._changed)

    def cell(self, key: str, label: str) -> LiveCell:
        """The cell of that key, shown from now on."""
        return self._cells.setdefault(key, LiveCell(label, None, self._clock, self._changed))

    @contextlib.contextmanager
    def bar(self, name: str, total: int, done: int = 0) -> Iterator[Bar]:
        """Show one piece of work of `total` steps, of which `done` were done before."""
        bar = Bar(name, total, self._bars, self._lines, self._clock, done)
        self._open.append(bar)
        self._begun.add(name)
        try:
            yield bar
            bar.finish()
        finally:
            bar.leave()
            self._open.remove(bar)

    def left_s(self) -> tuple[float, bool]:
        """Seconds until everything expected is done, and whether nothing had to be left out."""
        stages = dict(self._expected.stages) if self._expected else {}
        parts = [bar.left_s or stages.get(bar.name) for bar in self._open]
        parts += [seconds for name, seconds in stages.items() if name not in self._begun]
        workers = self._expected.workers if self._expected else 1
        parts.append(grid_left_s(self._cells.values(), workers))
        known = [part for part in parts if part is not None]
        return sum(known), len(known) == len(parts)

    def _changed(self, cell: LiveCell) -> None:
        ended = cell.state in ("done", "stopped") and cell.elapsed_s is not None
        if cell.state in ("failed", "waiting") or (ended and self._bars is None):
            self._lines.say(said_of(cell))
        elif self._bars is None and cell.state in ACTIVE:
            self._lines.sometimes(self._summary)

    def _summary(self) -> str:
        cells = self._cells.values()
        running = [said_of(cell) for cell in cells if cell.state not in ("waiting", "done")]
        return "; ".join([headline(cells, *self.left_s()), *running[:4]])

    def _view(self) -> RenderableType:
        parts: list[RenderableType] = []
        if self._expected is not None:
            parts.append(headline(self._cells.values(), *self.left_s()))
        if self._bars is not None and self._open:
            parts.append(self._bars.get_renderable())
        if self._cells:
            room = self.console.size.height - len(self._open) - len(parts) - 3
            parts.append(cell_table(tuple(self._cells.values()), room, self.console.size.width))
        return Group(*parts)
