"""Arithmetic on many run-length encoded masks at once, none of them unpacked.

The masks of a table stand one after the other on one long line: row r begins where row r-1 ends.
On it every run of True is an interval, and counting is sorting and searching.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64


@dataclass(frozen=True)
class Intervals:
    """Runs of True on the line, ascending and disjoint."""

    rows: Int64[np.ndarray, " intervals"]
    """The mask each belongs to."""
    starts: Int64[np.ndarray, " intervals"]
    ends: Int64[np.ndarray, " intervals"]
    """One past the last vertex."""

    def counts(self, rows: int) -> Int64[np.ndarray, " rows"]:
        """True vertices of each of `rows` masks."""
        return _sums(self.rows, self.ends - self.starts, rows)

    def select(self, chosen: Bool[np.ndarray, " intervals"]) -> "Intervals":
        """Some of the intervals."""
        return Intervals(self.rows[chosen], self.starts[chosen], self.ends[chosen])


def intervals_of(
    lengths: Int64[np.ndarray, " runs"],
    runs: Int64[np.ndarray, " masks"],
    places: Int64[np.ndarray, " masks"],
    rows: Int64[np.ndarray, " masks"],
) -> Intervals:
    """Put the masks of `encode_runs` onto the line.

    Args:
        lengths: of all runs, mask after mask.
        runs: how many each mask has.
        places: where on the line each mask begins.
        rows: the row each mask belongs to, ascending; several masks of a row overlap, so that
            `merged` has to follow.
    """
    last = np.cumsum(lengths)
    begin = np.cumsum(runs) - runs
    shift = places - np.concatenate(([0], last))[begin]
    second = np.zeros(lengths.size, dtype=bool)
    second[1::2] = True
    inside = (second ^ np.repeat(begin % 2 == 1, runs)) & (lengths > 0)
    mask = np.repeat(np.arange(runs.size), runs)[inside]
    lengths, ends = lengths[inside], last[inside] + shift[mask]
    return Intervals(rows[mask], ends - lengths, ends)


def merged(intervals: Intervals) -> Intervals:
    """The union of overlapping intervals, each row's for itself."""
    places = np.concatenate([intervals.starts, intervals.ends])
    steps = np.repeat([1, -1], intervals.starts.size)
    rows = np.tile(intervals.rows, 2)
    order = np.lexsort((-steps, places, rows))
    depth = np.cumsum(steps[order])
    closes = depth == 0
    opens = np.concatenate(([True], closes[:-1])) if closes.size else closes
    places = places[order]
    return Intervals(rows[order][opens], places[opens], places[closes])


def common_counts(one: Intervals, other: Intervals, rows: int) -> Int64[np.ndarray, " rows"]:
    """Vertices that are True in both masks of each row; both on the same line."""
    inside = _covered(other, one.ends) - _covered(other, one.starts)
    return _sums(one.rows, inside, rows)


def _covered(
    intervals: Intervals, places: Int64[np.ndarray, " places"]
) -> Int64[np.ndarray, " places"]:
    """True vertices on the line before each place."""
    whole = np.concatenate(([0], np.cumsum(intervals.ends - intervals.starts)))
    begun = np.searchsorted(intervals.starts, places, side="right")
    ends = np.concatenate(([0], intervals.ends))
    return whole[begun] - np.where(begun > 0, np.maximum(ends[begun] - places, 0), 0)


def _sums(
    rows: Int64[np.ndarray, " values"], values: Int64[np.ndarray, " values"], count: int
) -> Int64[np.ndarray, " rows"]:
    """The values of each row added up; exact below 2**53."""
    return np.bincount(rows, values, count).astype(np.int64)
