"""Tables of Markdown, and numbers of very different size."""

from collections.abc import Iterable, Sequence

DASH = "–"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """Write a table.

    Args:
        header: of each column.
        rows: cells as they are printed.
        texts: how many of the first columns hold words; the others are set flush right.
    """
    bars = ["---"] * texts + ["---:"] * (len(header) - texts)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, bars, *rows))


def duration(ms: float) -> str:
    """Write a time with about three digits: ms, s or min."""
    if ms >= 600_000:
        return f"{ms / 60_000:.0f} min"
    if ms >= 10_000:
        return f"{ms / 1000:.1f} s"
    return f"{ms:.{0 if ms >= 100 else 1 if ms >= 10 else 2}f} ms"


def millions(count: int) -> str:
    """Write a number of parameters in millions; a dash for none."""
    return f"{count / 1e6:.3f}" if count else DASH


def signed(share: float) -> str:
    """Write a share in per cent, with its sign."""
    return f"{share:+.1%}".replace("%", " %")
