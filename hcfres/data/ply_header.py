"""The header of a PLY file: which elements follow, in which order and types."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hcfres.data.errors import DataError

HEADER_LIMIT = 1 << 16
"""Bytes within which `end_header` must come."""

ENCODINGS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
"""The byte order of each encoding, as numpy writes it."""

TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
"""Both spellings of each scalar type, as numpy writes it."""

AGAIN = "Export the file again, or fetch it again if it was copied"


@dataclass(frozen=True)
class Property:
    """One column of an element."""

    name: str
    kind: str
    """A value of TYPES."""
    count_kind: str | None
    """The type of the length in front of a list; None for a single number."""


@dataclass(frozen=True)
class Element:
    """One table of the file."""

    name: str
    count: int
    properties: tuple[Property, ...]


@dataclass(frozen=True)
class Header:
    """Everything before the first record."""

    encoding: str
    elements: tuple[Element, ...]
    size: int
    """Bytes up to the first record."""


def parse_header(path: Path, content: bytes) -> Header:
    """Read the header at the start of `content`; `path` is for the message only.

    Raises:
        DataError: not a PLY file, or a header that says nothing sensible.
    """
    lines, size = _header_lines(path, content)
    encoding = _encoding(path, lines)
    starts = [n for n, words in enumerate(lines) if words[0] == "element"] + [len(lines)]
    elements = tuple(_element(path, lines[a:b], a + 1) for a, b in pairwise(starts))
    names = [element.name for element in elements]
    if len(set(names)) != len(names):
        raise DataError(path, f"an element comes twice: {names}", AGAIN, "header")
    return Header(encoding, elements, size)


def _header_lines(path: Path, content: bytes) -> tuple[list[list[str]], int]:
    if not content.startswith(b"ply"):
        raise DataError(
            path, "this is not a PLY file: it does not start with `ply`", AGAIN, "line 1"
        )
    lines: list[list[str]] = []
    start = 0
    while True:
        stop = content.find(b"\n", start, HEADER_LIMIT)
        if stop < 0:
            reason = f"no `end_header` within the first {min(len(content), HEADER_LIMIT)} bytes"
            raise DataError(path, reason, AGAIN, "header")
        words = content[start:stop].decode("latin-1").split()
        start = stop + 1
        if words[:1] == ["end_header"]:
            return lines, start
        lines.append(words or ["comment"])


def _encoding(path: Path, lines: list[list[str]]) -> str:
    found = [words for words in lines if words[0] == "format"]
    if len(found) != 1 or len(found[0]) != 3 or found[0][1] not in ENCODINGS:
        said = " ".join(found[0]) if found else "no `format` line"
        reason = f"`format` is one of {', '.join(ENCODINGS)} and 1.0; found: {said}"
        raise DataError(path, reason, AGAIN, "header")
    return found[0][1]


def _element(path: Path, lines: list[list[str]], number: int) -> Element:
    head, *rest = lines
    place = f"header line {number}"
    if len(head) != 3 or not (head[2].isascii() and head[2].isdigit() and len(head[2]) < 19):
        raise DataError(
            path, f"an element has a name and a count; found: {' '.join(head)}", AGAIN, place
        )
    properties = tuple(
        _property(path, words, number + offset)
        for offset, words in enumerate(rest, 1)
        if words[0] == "property"
    )
    names = [column.name for column in properties]
    if not names or len(set(names)) != len(names):
        raise DataError(path, f"element {head[1]} has the properties {names}", AGAIN, place)
    return Element(head[1], int(head[2]), properties)


def _property(path: Path, words: list[str], number: int) -> Property:
    match words:
        case ["property", kind, name] if kind in TYPES:
            return Property(name, TYPES[kind], None)
        case ["property", "list", count, kind, name] if (
            kind in TYPES and count in TYPES and TYPES[count][0] in "iu"
        ):
            return Property(name, TYPES[kind], TYPES[count])
    reason = f"a property has a known type and a name; found: {' '.join(words)[:80]}"
    raise DataError(path, reason, AGAIN, f"header line {number}")
