"""A table as a value, before anybody decides how it is written."""

import math
import statistics
from dataclasses import dataclass
from typing import Literal

from hcfres.evaluation.passport import Passport
from hcfres.reporting.passports import require_comparable

Source = Literal["ours", "paper", "difference"]


@dataclass(frozen=True)
class Column:
    """One printed column: one number, or two beside a slash."""

    header: str
    metrics: tuple[str, ...]
    """Names in the results frame (`val/acc_25/zt_w_d`), in printed order."""
    decimals: int = 1
    higher_is_better: bool = True
    scale: float = 100.0
    """What a stored number is multiplied by for print; accuracies are stored as fractions."""
    comparable: bool = True
    """Whether ours minus the paper's means anything."""
    note: str = ""
    """What the caption has to say of it."""


@dataclass(frozen=True)
class Number:
    """A printed number: the mean over seeds, and their spread where there are several."""

    mean: float
    spread: float | None = None


@dataclass(frozen=True)
class Line:
    """One method of a table."""

    label: str
    ours: tuple[tuple[Number | None, ...], ...] | None
    """One tuple a column; None where nothing of ours exists."""
    paper: tuple[tuple[float | None, ...], ...]
    """In print units."""
    remark: str = ""
    """Why there is nothing of ours, or not all: `not run` with the command, `failed` with the kind,
    or `quoted from the paper`."""
    passports: tuple[Passport, ...] = ()
    """Of our numbers, one for each level; none where the results have none."""
    note: str = ""
    """More about the remark, for below the table."""


@dataclass(frozen=True)
class Table:
    """A table of the paper with our numbers beside the paper's.

    There is none whose lines of ours differ in level, thresholds, rule or split: making it is a
    DataError that names the fields.
    """

    name: str
    title: str
    caption: str
    row_header: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    ours_on: str
    """The setting of our numbers, e.g. `rooms`; never left unsaid."""

    def __post_init__(self) -> None:
        """Refuse mixed passports."""
        rows = [(line.label, line.passports) for line in self.lines if line.ours is not None]
        require_comparable(rows, self.title)


def summarise(values: list[float], column: Column) -> Number | None:
    """Mean and standard deviation over seeds, in print units; None without values."""
    finite = [value * column.scale for value in values if math.isfinite(value)]
    if not finite:
        return None
    spread = statistics.stdev(finite) if len(finite) > 1 else None
    return Number(statistics.fmean(finite), spread)


def difference(
    line: Line, columns: tuple[Column, ...]
) -> tuple[tuple[float | None, ...], ...] | None:
    """Ours minus the paper's, in print units; None where one is missing or they do not compare."""
    if line.ours is None:
        return None
    return tuple(
        tuple(
            ours.mean - paper if column.comparable and ours and paper is not None else None
            for ours, paper in zip(ours_cell, paper_cell, strict=True)
        )
        for column, ours_cell, paper_cell in zip(columns, line.ours, line.paper, strict=True)
    )


def ranks(table: Table, source: Literal["ours", "paper"]) -> dict[tuple[int, int, int], int]:
    """Place 1 and 2 of each number among the lines of one source.

    Returns:
        (line, column, part) -> 1 or 2; numbers that print alike share a place, and a column in
        which fewer than two lines have a number has no places.
    """
    places: dict[tuple[int, int, int], int] = {}
    for c, column in enumerate(table.columns):
        for part in range(len(column.metrics)):
            printed = {
                row: round(value, column.decimals)
                for row, line in enumerate(table.lines)
                if (value := _value(line, source, c, part)) is not None
            }
            if len(printed) < 2:
                continue
            order = sorted(set(printed.values()), reverse=column.higher_is_better)
            for row, value in printed.items():
                if (place := order.index(value) + 1) <= 2:
                    places[row, c, part] = place
    return places


def _value(line: Line, source: str, column: int, part: int) -> float | None:
    if source == "paper":
        return line.paper[column][part]
    if line.ours is None or (number := line.ours[column][part]) is None:
        return None
    return number.mean
