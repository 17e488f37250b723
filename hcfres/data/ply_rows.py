"""The rows of a PLY file's elements as numpy arrays, none made larger than the file allows."""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hcfres.config.problems import shorten
from hcfres.data.errors import DataError
from hcfres.data.ply_header import AGAIN, ENCODINGS, Element, Header, Property

FACE_LISTS = ("vertex_indices", "vertex_index")
"""The two names under which a face's corners go."""
LONGEST_LIST = 1 << 12
"""Numbers in one list of a row."""
_CORNERS = 3
_NUMBER = re.compile(rb"[+-]?((\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|nan|inf|infinity)", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """One element's rows. Lists are as long in every row as in the first."""

    element: Element
    rows: np.ndarray
    """Structured: `v0`, `v1`, ... by the property's place; `n1` is the length before list `v1`."""

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, *names: str) -> np.ndarray | None:
        """The first of these properties that there is: one number a row, or one list a row."""
        for place, column in enumerate(self.element.properties):
            if column.name in names:
                return self.rows[f"v{place}"]
        return None

    def names(self) -> str:
        """What there is, for a message."""
        return shorten(", ".join(column.name for column in self.element.properties), 80)


def read_tables(path: Path, header: Header, content: bytes) -> dict[str, Table]:
    """Read the elements `vertex` and `face` and those before them; what comes after is ignored.

    Raises:
        DataError: fewer rows than announced, or bytes to spare; faces that are no triangles; other
            lists whose length varies; in ascii, what is no number or not of its column's type.
    """
    wanted = {"vertex", "face"} & {element.name for element in header.elements}
    kind = _Ascii if header.encoding == "ascii" else _Binary
    source: _Ascii | _Binary = kind(path, header, content)
    tables: dict[str, Table] = {}
    for element in header.elements:
        tables[element.name] = source.take(element)
        wanted.discard(element.name)
        if not wanted:
            break
    if len(tables) == len(header.elements) and (spare := source.spare()):
        reason = f"{spare} more than the header announces"
        raise DataError(path, reason, AGAIN, "after the last record")
    return tables


class _Binary:
    """Rows out of packed bytes."""

    def __init__(self, path: Path, header: Header, content: bytes) -> None:
        self.path, self.content, self.at = path, content, header.size
        self.order = ENCODINGS[header.encoding]

    def take(self, element: Element) -> Table:
        record = self._record(element)
        left = len(self.content) - self.at
        fitting = min(element.count, left // record.itemsize)
        table = Table(element, np.frombuffer(self.content, record, fitting, self.at))
        _require_rows(self.path, table)
        self.at += fitting * record.itemsize
        return table

    def _record(self, element: Element) -> np.dtype:
        """The layout of a row; lists are as long as in the first row, corners are three."""
        fields: list[tuple[str, str] | tuple[str, str, tuple[int, ...]]] = []
        at = self.at
        for place, column in enumerate(element.properties):
            kind = self.order + column.kind
            if column.count_kind is None:
                fields.append((f"v{place}", kind))
                at += np.dtype(kind).itemsize
                continue
            count = self._length(element, column, at)
            fields += [(f"n{place}", self.order + column.count_kind), (f"v{place}", kind, (count,))]
            at += np.dtype(column.count_kind).itemsize + count * np.dtype(kind).itemsize
        return np.dtype(fields)

    def _length(self, element: Element, column: Property, at: int) -> int:
        if element.name == "face" and column.name in FACE_LISTS:
            return _CORNERS
        kind = np.dtype(self.order + str(column.count_kind))
        if not element.count or at + kind.itemsize > len(self.content):
            return 0
        count = int(np.frombuffer(self.content, kind, 1, at)[0])
        return _require_length(self.path, element, column, count)

    def spare(self) -> str:
        left = len(self.content) - self.at
        return f"{left} bytes" if left else ""


class _Ascii:
    """Rows out of words; where a line ends makes no difference."""

    def __init__(self, path: Path, header: Header, content: bytes) -> None:
        self.path, self.at = path, 0
        self.numbers = _numbers(path, header, content)

    def take(self, element: Element) -> Table:
        record, width = self._record(element)
        fitting = min(element.count, (len(self.numbers) - self.at) // width)
        stop = self.at + fitting * width
        numbers = self.numbers[self.at : stop].reshape(fitting, width)
        table = Table(element, np.zeros(fitting, record))
        at = 0
        for name in record.names or ():
            count = int(np.prod(record[name].shape, dtype=int))
            self._fill(table, name, numbers[:, at : at + count])
            at += count
        _require_rows(self.path, table)
        self.at = stop
        return table

    def _record(self, element: Element) -> tuple[np.dtype, int]:
        """The layout of a row and its numbers; lengths of lists are whole but of no limit yet."""
        fields: list[tuple[str, str] | tuple[str, str, tuple[int, ...]]] = []
        width = 0
        for place, column in enumerate(element.properties):
            if column.count_kind is None:
                fields.append((f"v{place}", column.kind))
                width += 1
                continue
            count = self._length(element, column, self.at + width)
            fields += [(f"n{place}", "f8"), (f"v{place}", column.kind, (count,))]
            width += 1 + count
        return np.dtype(fields), width

    def _length(self, element: Element, column: Property, at: int) -> int:
        if element.name == "face" and column.name in FACE_LISTS:
            return _CORNERS
        if not element.count or at >= len(self.numbers):
            return 0
        return _require_length(self.path, element, column, float(self.numbers[at]))

    def _fill(self, table: Table, name: str, values: np.ndarray) -> None:
        kind = table.rows.dtype[name].base
        if kind.kind in "iu" and not _fits(values, kind):
            column = table.element.properties[int(name[1:])].name
            reason = f"`{shorten(column)}` holds numbers that are not of its type"
            raise DataError(self.path, reason, AGAIN, f"element {shorten(table.element.name)}")
        with np.errstate(over="ignore"):
            table.rows[name] = values.reshape(table.rows[name].shape)

    def spare(self) -> str:
        left = len(self.numbers) - self.at
        return f"{left} numbers" if left else ""


def _numbers(path: Path, header: Header, content: bytes) -> np.ndarray:
    """Every number after the header; that each word is one is known by counting both."""
    body = memoryview(content)[header.size :]
    with warnings.catch_warnings():  # numpy stops at what is no number, and says so thus
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            numbers = np.fromstring(bytes(body), np.float64, sep=" ")
        except ValueError:
            numbers = np.zeros(0)
    letters = np.frombuffer(body, np.uint8)
    blank = (letters == 32) | ((letters >= 9) & (letters <= 13))
    words = int(np.count_nonzero(blank[:-1] & ~blank[1:])) + int(len(blank) > 0 and not blank[0])
    if words == len(numbers) and not (letters == 0).any():
        return numbers
    for word in re.finditer(rb"\S+", body):
        if not _NUMBER.fullmatch(word.group()):
            line = header.lines + 1 + bytes(body[: word.start()]).count(b"\n")
            said = shorten(word.group().decode("latin-1"))
            raise DataError(path, f"{said!r} is no number", AGAIN, f"line {line}")
    raise DataError(path, "what follows the header are not numbers", AGAIN, "after the header")


def _fits(values: np.ndarray, kind: np.dtype) -> bool:
    limits = np.iinfo(kind)
    inside = (values >= limits.min) & (values <= limits.max)
    return bool(np.all(inside & (values == np.floor(values))))


def _require_length(path: Path, element: Element, column: Property, count: int | float) -> int:
    if not (0 <= count <= LONGEST_LIST and count == int(count)):
        reason = f"a list `{shorten(column.name)}` of {count:g} numbers"
        raise DataError(path, reason, AGAIN, f"element {shorten(element.name)}, row 0")
    return int(count)


def _require_rows(path: Path, table: Table) -> None:
    """Refuse lists of varying length, which shift all that follows, then missing rows."""
    for place, column in enumerate(table.element.properties):
        if column.count_kind is None:
            continue
        lengths, count = table.rows[f"n{place}"], table.rows[f"v{place}"].shape[1]
        wrong = np.flatnonzero(lengths != count)
        if not len(wrong):
            continue
        found, where = lengths[wrong[0]], f"{shorten(table.element.name)} {wrong[0]}"
        if table.element.name == "face" and column.name in FACE_LISTS:
            reason = f"{found:g} corners; only triangles are read"
            raise DataError(path, reason, "Triangulate the mesh and export it again", where)
        reason = f"`{shorten(column.name)}` has {found:g} numbers, {count} in the first row"
        raise DataError(path, reason, "Export positions, colours and triangles only", where)
    if len(table) < table.element.count:
        reason = f"the header announces {table.element.count}, the file ends after {len(table)}"
        raise DataError(path, reason, AGAIN, f"element {shorten(table.element.name)}")
