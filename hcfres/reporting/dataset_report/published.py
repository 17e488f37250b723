"""How large ScanNet, ScanRefer and Multi3DRefer are as published, and who says so."""

from dataclasses import dataclass
from typing import Literal

Column = Literal["train", "val", "test", "all"]
COUNTED = "counted in the released files"
SAID = "stated by the authors"
HEARD = "second-hand, not checked against a released file"


@dataclass(frozen=True)
class Published:
    """One published number."""

    value: int
    source: str


def published(table: str, row: str, column: Column) -> Published | None:
    """Look up a published number; None where none is known.

    Args:
        table: `scans`, or the sentences' source.
        row: what is counted, as `counts` names it.
        column: the split, or all of them together, hidden test sets included.
    """
    for numbers, evidence in _TABLES.get(table, ()):
        if row in numbers and (value := numbers[row][_COLUMNS.index(column)]) is not None:
            return Published(value, f"{_WHERE[table]}, {evidence}")
    return None


_COLUMNS: tuple[Column, ...] = ("train", "val", "test", "all")
_WHERE = {
    "scans": "ScanNet v2 (Dai et al., CVPR 2017), release 2",
    "scanrefer": "ScanRefer (Chen et al., ECCV 2020)",
    "multi3drefer": "Multi3DRefer (Zhang et al., ICCV 2023)",
}
_Numbers = dict[str, tuple[int | None, int | None, int | None, int | None]]
_SCANS: _Numbers = {
    "scans in the list": (1201, 312, 100, 1613),
    "spaces": (565, 142, 100, 807),
}
_SCANREFER: _Numbers = {
    "entries": (36665, 9508, 5410, 51583),
    "scans": (562, 141, 97, 800),
    "target objects": (7875, 2068, None, None),
    "unique": (7108, 1845, None, None),
    "multiple": (29557, 7663, None, None),
}
_MULTI3DREFER: _Numbers = {
    "entries": (None, None, None, 61926),
    "scans": (None, None, None, 800),
    "target objects": (None, None, None, 11609),
}
_MULTI3DREFER_HEARD: _Numbers = {
    "entries": (43838, 11120, 6968, None),
    "zero targets": (None, None, None, 6688),
    "one target": (None, None, None, 42060),
    "several targets": (None, None, None, 13178),
}
_TABLES: dict[str, tuple[tuple[_Numbers, str], ...]] = {
    "scans": ((_SCANS, COUNTED),),
    "scanrefer": ((_SCANREFER, COUNTED),),
    "multi3drefer": ((_MULTI3DREFER, SAID), (_MULTI3DREFER_HEARD, HEARD)),
}
