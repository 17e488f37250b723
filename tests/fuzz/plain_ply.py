"""PLY row by row with `struct`: slow, plain, and written from the format alone, to compare with."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

CODES = {
    "char": "b", "int8": "b", "uchar": "B", "uint8": "B", "short": "h", "int16": "h",
    "ushort": "H", "uint16": "H", "int": "i", "int32": "i", "uint": "I", "uint32": "I",
    "float": "f", "float32": "f", "double": "d", "float64": "d",
}  # fmt: skip
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass(frozen=True)
class Column:
    """One property: its type in PLY's words, and the type of the count where it is a list."""

    name: str
    kind: str
    count_kind: str = ""


@dataclass(frozen=True)
class Table:
    """One element."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence]

    def column(self, name: str) -> list:
        """One value, or list, a row."""
        at = [column.name for column in self.columns].index(name)
        return [row[at] for row in self.rows]

    def has(self, *names: str) -> bool:
        """All of these columns are there."""
        return set(names) <= {column.name for column in self.columns}


def write_plain(encoding: str, tables: Sequence[Table], line_end: str = "\n") -> bytes:
    """The file's bytes."""
    lines = ["ply", f"format {encoding} 1.0", "comment by hand"]
    for table in tables:
        lines.append(f"element {table.name} {len(table.rows)}")
        for column in table.columns:
            listed = f"list {column.count_kind} " if column.count_kind else ""
            lines.append(f"property {listed}{column.kind} {column.name}")
    head = line_end.join([*lines, "end_header", ""]).encode()
    return head + b"".join(_row(encoding, t, row, line_end) for t in tables for row in t.rows)


def _row(encoding: str, table: Table, row: Sequence, line_end: str) -> bytes:
    numbers: list[tuple[str, float]] = []
    for column, value in zip(table.columns, row, strict=True):
        if column.count_kind:
            numbers.append((column.count_kind, len(value)))
        numbers += [(column.kind, v) for v in (value if column.count_kind else [value])]
    if encoding == "ascii":
        return (" ".join(repr(value) for _, value in numbers) + line_end).encode()
    order = ORDERS[encoding]
    return b"".join(struct.pack(order + CODES[kind], value) for kind, value in numbers)


def read_plain(
    content: bytes, wanted: frozenset[str] = frozenset(("vertex", "face"))
) -> dict[str, Table]:
    """The elements by name, until all `wanted` ones that there are have been read.

    Any exception where the bytes make no sense.
    """
    encoding, tables, at = _header(content)
    words = content[at:].split() if encoding == "ascii" else []
    taken = 0
    found = {}
    wanted &= {name for name, _, _ in tables}
    for name, count, columns in tables:
        if wanted <= found.keys():
            break
        rows: list[list] = []
        for _ in range(count):
            if encoding == "ascii":
                row, taken = _words(columns, words, taken)
            else:
                row, at = _bytes(columns, content, at, ORDERS[encoding])
            rows.append(row)
        found[name] = Table(name, tuple(columns), rows)
    return found


def _header(content: bytes) -> tuple[str, list[tuple[str, int, list[Column]]], int]:
    first = content.split(b"\n", 1)[0]
    end = b"\r" if b"\r" in first[:-1] else b"\n"
    encoding, tables, at = "", [], 0
    while True:
        stop = content.index(end, at)
        words = content[at:stop].decode("latin-1").split()
        at = stop + 1
        match words:
            case ["end_header"]:
                return encoding, tables, at
            case ["format", encoding, "1.0"]:
                pass
            case ["element", name, count]:
                tables.append((name, int(count), []))
            case ["property", "list", count_kind, kind, name]:
                tables[-1][2].append(Column(name, kind, count_kind))
            case ["property", kind, name]:
                tables[-1][2].append(Column(name, kind))


def _words(columns: list[Column], words: list[bytes], at: int) -> tuple[list, int]:
    row = []
    for column in columns:
        count = 1
        if column.count_kind:
            count, at = int(float(words[at])), at + 1
        values = [_as_stored(word, column.kind) for word in words[at : at + count]]
        at += count
        row.append(values if column.count_kind else values[0])
    return row, at


def _as_stored(word: bytes, kind: str) -> float:
    """A number as its column's type holds it; beyond single precision it is infinite."""
    if CODES[kind] != "f":
        return float(word)
    try:
        return struct.unpack("f", struct.pack("f", float(word)))[0]
    except OverflowError:
        return float("inf")


def _bytes(columns: list[Column], content: bytes, at: int, order: str) -> tuple[list, int]:
    row = []
    for column in columns:
        count = 1
        if column.count_kind:
            code = order + CODES[column.count_kind]
            (count,) = struct.unpack_from(code, content, at)
            at += struct.calcsize(code)
        code = f"{order}{count}{CODES[column.kind]}"
        values = struct.unpack_from(code, content, at)
        at += struct.calcsize(code)
        row.append(list(values) if column.count_kind else values[0])
    return row, at
