"""How the cells of a running grid are shown: a table on a terminal, phrases in plain lines."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.markup import escape
from rich.table import Table

from flows.live.state import ACTIVE, LiveCell, State, typical_s
from flows.planning.view import duration

_STYLES: dict[State, str] = {
    "waiting": "dim",
    "training": "cyan",
    "validating": "magenta",
    "done": "green",
    "failed": "red",
    "stopped": "yellow",
}
_NUMBERS = ("epoch", "loss", "held-out", "device", "elapsed", "left")
"""`held-out`: mean IoU on held-out training spaces, in per cent."""
_NARROWEST = 10
"""Characters that a state needs."""
_IMPORTANCE: tuple[State, ...] = (*ACTIVE, "failed", "stopped", "waiting", "done")
"""Which cells are shown where there is no room for all."""


def headline(cells: Iterable[LiveCell], left_s: float, whole: bool) -> str:
    """One line about all cells.

    Args:
        left_s: seconds until everything is done.
        whole: False where something is not in them, because nothing like it was measured.
    """
    states = Counter(cell.state for cell in cells)
    parts = [f"{states['done']} of {states.total()} cells done"]
    parts += [f"{states[state]} {state}" for state in ("failed", "stopped") if states[state]]
    if left_s:
        parts.append(f"{'about' if whole else 'more than'} {duration(left_s)} left")
    return ", ".join(parts)


def said_of(cell: LiveCell) -> str:
    """A cell as it stands, in a phrase."""
    parts = [f"{cell.label}: {cell.state}"]
    if cell.state == "training" and cell.epoch is not None:
        parts[0] += f", epoch {cell.epoch[0]}/{cell.epoch[1]}"
    if cell.state in ("training", "done") and cell.loss is not None:
        parts.append(f"loss {cell.loss:.3f}")
    if cell.held_out is not None:
        parts.append(f"held-out mIoU {100 * cell.held_out:.1f}")
    if cell.note:
        parts.append(cell.note)
    if cell.state == "done" and cell.elapsed_s is not None:
        parts.append(f"in {duration(cell.elapsed_s)}")
    return ", ".join(parts)


def cell_table(cells: Sequence[LiveCell], room: int, columns: int) -> Table:
    """One line a cell; where there is no room for all, those where something happens.

    Args:
        room: lines that there are.
        columns: characters that a line has; what is said of a state gives way.
    """
    shown = _shown(cells, room)
    longest = max(len(cell.label) for cell in shown)
    table = Table(box=None, padding=(0, 2, 0, 0), caption_justify="left")
    table.add_column("cell", no_wrap=True)
    width = max(_NARROWEST, columns - longest - sum(len(name) + 3 for name in _NUMBERS) - 4)
    table.add_column("state", no_wrap=True, overflow="ellipsis", max_width=width)
    for name in _NUMBERS:
        table.add_column(name, justify="right", no_wrap=True)
    validation_s, alike_s = typical_s(cells)
    for cell in shown:
        left = cell.left_s(validation_s, alike_s)
        table.add_row(
            escape(cell.label),
            f"[{_STYLES[cell.state]}]{cell.state}[/] [dim]{escape(cell.note)}",
            "" if cell.epoch is None else f"{cell.epoch[0]}/{cell.epoch[1]}",
            "" if cell.loss is None else f"{cell.loss:.3f}",
            "" if cell.held_out is None else f"{100 * cell.held_out:.1f}",
            cell.device,
            "" if cell.elapsed_s is None else duration(cell.elapsed_s),
            "" if not left else duration(left),
        )
    if hidden := Counter(cell.state for cell in cells if cell not in shown):
        table.caption = "and " + ", ".join(f"{n} {state}" for state, n in hidden.items())
    return table


def _shown(cells: Sequence[LiveCell], room: int) -> list[LiveCell]:
    if len(cells) <= room:
        return list(cells)
    order = sorted(cells, key=lambda cell: _IMPORTANCE.index(cell.state))
    kept = set(order[: max(1, room - 1)])
    return [cell for cell in cells if cell in kept]
