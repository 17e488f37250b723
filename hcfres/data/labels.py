"""Names of classes: ScanNet's label table, nyu40, and the benchmark's classes."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from hcfres.data.errors import DataError, too_many
from hcfres.data.files import read_text, write_bytes

COLUMNS = (
    "id", "raw_category", "category", "count", "nyu40id", "eigen13id", "nyuClass", "nyu40class",
    "eigen13class", "ModelNet40", "ModelNet10", "ShapeNetCore55", "synsetoffset", "wnsynsetid",
    "wnsynsetkey", "mpcat40", "mpcat40index",
)  # fmt: skip
"""The 17 columns of `scannetv2-labels.combined.tsv`."""

NYU40 = (
    "unlabelled", "wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window",
    "bookshelf", "picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow",
    "mirror", "floor mat", "clothes", "ceiling", "books", "refrigerator", "television", "paper",
    "towel", "shower curtain", "box", "whiteboard", "person", "night stand", "toilet", "sink",
    "lamp", "bathtub", "bag", "otherstructure", "otherfurniture", "otherprop",
)  # fmt: skip
"""The name of each nyu40 id; 0 is unlabelled."""

BENCHMARK = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 28, 33, 34, 36, 39)
"""The nyu40 ids of the 20 benchmark classes in their order.

All but the first two have instances."""

OTHER_FURNITURE = 39

_COLOURS = bytes.fromhex(
    "000000 aec7e8 98df8a 1f77b4 ffbb78 bcbd22 8c564b ff9896 d62728 c5b0d5 9467bd c49c94 17becf "
    "b24c4c f7b6d2 42bc66 dbdb8d 8c39c5 cab934 33b0cb c83683 5cc13d 4e47b7 ac7252 ff7f0e 5ba38a "
    "99629c 8c9965 9edae5 647d9a b27f87 78b980 926fc2 2ca02c 708090 60cfd1 e377c2 d55cb0 5e6ad3 "
    "5254a3 645590"
)
"""Red, green and blue of each nyu40 id, as the benchmark draws them."""


@dataclass(frozen=True)
class LabelRow:
    """One raw category, in the columns this project uses."""

    identifier: int
    """Column `id`: 1..1357 with gaps; ScanNet200 counts in it."""
    raw_category: str
    category: str
    nyu40: int
    """1..40."""


@dataclass(frozen=True)
class LabelTable:
    """What raw categories mean."""

    rows: tuple[LabelRow, ...]

    @cached_property
    def _nyu40(self) -> dict[str, int]:
        return {row.raw_category: row.nyu40 for row in self.rows}

    def nyu40(self, label: str) -> int:
        """Return the nyu40 id of a raw category (underscores count as spaces), 0 if unknown."""
        return self._nyu40.get(label) or self._nyu40.get(label.replace("_", " "), 0)

    def benchmark_class(self, label: str) -> int:
        """Return the nyu40 id among the 18 instance classes; what is not one of them is 39."""
        found = self.nyu40(label)
        return found if found in BENCHMARK[2:] else OTHER_FURNITURE


def read_labels(path: Path, way_out: str = "") -> LabelTable:
    """Read the label table: tabs, empty cells, LF or CRLF, trailing tabs possibly stripped.

    Raises:
        DataError: missing, lacking a column, or rows without a class; all rows named at once.
    """
    header, *lines = read_text(path, way_out).split("\n")
    names = header.split("\t")
    needed = ("id", "raw_category", "category", "nyu40id")
    if absent := [name for name in needed if name not in names]:
        raise DataError(path, f"the columns {absent} are missing", way_out, "line 1")
    at = [names.index(name) for name in needed]
    rows: list[LabelRow] = []
    problems: list[str] = []
    for number, line in enumerate(lines, 2):
        if not line.strip():
            continue
        cells = line.split("\t")
        cells += [""] * (len(names) - len(cells))
        identifier, raw, category, nyu40 = (cells[i].strip() for i in at)
        if (
            not _is_number(identifier)
            or not _is_number(nyu40)
            or not 1 <= int(nyu40) <= 40
            or not raw
        ):
            problems.append(f"line {number}: id {identifier!r}, {raw!r}, nyu40id {nyu40!r}")
            continue
        rows.append(LabelRow(int(identifier), raw, category, int(nyu40)))
    problems += _repeated(rows)
    if problems or not rows:
        raise DataError(path, too_many(problems or ["no rows"]).rstrip(), way_out)
    return LabelTable(tuple(rows))


def write_labels(path: Path, table: LabelTable) -> None:
    """Write a label table in all 17 columns; those that `LabelRow` lacks stay empty."""
    lines = ["\t".join(COLUMNS)]
    for row in table.rows:
        cells = dict.fromkeys(COLUMNS, "")
        cells |= {"id": str(row.identifier), "raw_category": row.raw_category, "count": "0"}
        cells |= {
            "category": row.category,
            "nyu40id": str(row.nyu40),
            "nyu40class": NYU40[row.nyu40],
        }
        lines.append("\t".join(cells.values()))
    write_bytes(path, ("\n".join(lines) + "\n").encode())


def label_colours(labels: Int[np.ndarray, " vertices"]) -> UInt8[np.ndarray, "vertices 3"]:
    """Return the benchmark's colour of each nyu40 label."""
    palette: np.ndarray = np.frombuffer(_COLOURS, dtype=np.uint8).reshape(-1, 3)
    return np.asarray(palette[labels])


def _is_number(cell: str) -> bool:
    return cell.isascii() and cell.isdigit() and len(cell) < 10


def _repeated(rows: list[LabelRow]) -> list[str]:
    seen: dict[str, int] = {}
    for row in rows:
        seen[row.raw_category] = seen.get(row.raw_category, 0) + 1
    return [
        f"raw_category {name!r} comes {times} times" for name, times in seen.items() if times > 1
    ]
