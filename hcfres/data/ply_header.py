"""The header of a PLY file: which elements follow, in which order and types."""

from dataclasses import dataclass
from pathlib import Path

from hcfres.config.problems import shorten
from hcfres.data.errors import DataError

HEADER_LIMIT = 1 << 16
"""Bytes within which `end_header` must come."""

ENCODINGS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}
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
    lines: int
    """Lines up to the first record."""


def parse_header(path: Path, content: bytes) -> Header:
    """Read the header at the start of `content`; `path` is for the message only.

    Raises:
        DataError: not a PLY file, or a header that says nothing sensible. A line that begins with
            none of PLY's words is refused: what it meant would shift every number behind it.
    """
    lines, size = _header_lines(path, content)
    encoding: str | None = None
    elements: list[Element] = []
    for number, words in enumerate(lines[1:], 2):
        match words:
            case [] | ["comment" | "obj_info", *_]:
                continue
            case ["format", kind, "1.0"] if kind in ENCODINGS and encoding is None:
                encoding = kind
            case ["element", name, count] if _is_count(count):
                elements.append(Element(name, int(count), ()))
            case ["property", *_] if elements:
                elements[-1] = _with_property(path, elements[-1], words, number)
            case _:
                raise DataError(path, _misread(words), AGAIN, f"header line {number}")
    if encoding is None:
        raise DataError(path, "no `format` line", AGAIN, "header")
    _require_distinct(path, elements)
    return Header(encoding, tuple(elements), size, len(lines) + 1)


def _header_lines(path: Path, content: bytes) -> tuple[list[list[str]], int]:
    """The words of each line but the last, `end_header`; lines end in LF, CR LF or CR."""
    first = content[:HEADER_LIMIT].split(b"\n", 1)[0]
    if first.split(b"\r", 1)[0].strip() != b"ply":
        raise DataError(
            path, "this is not a PLY file: its first line is not `ply`", AGAIN, "line 1"
        )
    end = b"\r" if b"\r" in first.rstrip(b"\r") else b"\n"
    lines: list[list[str]] = []
    start = 0
    while True:
        stop = content.find(end, start, HEADER_LIMIT)
        if stop < 0:
            reason = f"no `end_header` within the first {min(len(content), HEADER_LIMIT)} bytes"
            raise DataError(path, reason, AGAIN, "header")
        words = content[start:stop].decode("latin-1").split()
        start = stop + 1
        if words == ["end_header"]:
            return lines, start
        lines.append(words)


def _is_count(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 19


def _misread(words: list[str]) -> str:
    found = f"found: {shorten(' '.join(words), 80)}"
    if words[0] == "format":
        return f"`format` comes once and is one of {', '.join(ENCODINGS)} and 1.0; {found}"
    if words[0] == "element":
        return f"an element has a name and a count; {found}"
    if words[0] == "property":
        return f"a property belongs to an element; {found}"
    return f"no line of a PLY header begins so; {found}"


def _with_property(path: Path, element: Element, words: list[str], number: int) -> Element:
    added = _property(path, words, number)
    if any(column.name == added.name for column in element.properties):
        reason = f"element {shorten(element.name)} has two properties `{shorten(added.name)}`"
        raise DataError(path, reason, AGAIN, f"header line {number}")
    return Element(element.name, element.count, (*element.properties, added))


def _property(path: Path, words: list[str], number: int) -> Property:
    match words:
        case ["property", kind, name] if kind in TYPES:
            return Property(name, TYPES[kind], None)
        case ["property", "list", count, kind, name] if (
            kind in TYPES and count in TYPES and TYPES[count][0] in "iu"
        ):
            return Property(name, TYPES[kind], TYPES[count])
    found = shorten(" ".join(words), 80)
    reason = f"a property has a known type and a name; found: {found}"
    raise DataError(path, reason, AGAIN, f"header line {number}")


def _require_distinct(path: Path, elements: list[Element]) -> None:
    names = [element.name for element in elements]
    if len(set(names)) != len(names):
        said = shorten(", ".join(names), 80)
        raise DataError(path, f"an element comes twice: {said}", AGAIN, "header")
    if bare := [element.name for element in elements if not element.properties]:
        reason = f"element {shorten(bare[0])} has no properties"
        raise DataError(path, reason, AGAIN, "header")
