"""Lines of numbers and names, as small programs write them."""

from pathlib import Path

from hcfres.data.errors import DataError
from hcfres.data.files import read_bytes

LARGEST = 64 << 20
"""Bytes of a text file that is read: a million lines of poses."""


def read_rows(path: Path, way_out: str = "") -> tuple[tuple[int, tuple[str, ...]], ...]:
    """The words of each line with its number, without comments (`#`) and empty lines.

    Commas and tabs part words as blanks do.

    Raises:
        DataError: missing, larger than LARGEST, not UTF-8, or without a row.
    """
    content = read_bytes(path, way_out, LARGEST)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(path, "this is not UTF-8 text", way_out, f"byte {error.start}") from None
    lines = enumerate(text.replace(",", " ").replace("\r\n", "\n").split("\n"), 1)
    rows = tuple((n, tuple(line.split())) for n, line in lines if not line.lstrip().startswith("#"))
    rows = tuple(row for row in rows if row[1])
    if not rows:
        raise DataError(path, "there is nothing in it", way_out)
    return rows


def numbers(path: Path, line: int, words: tuple[str, ...], way_out: str = "") -> list[float]:
    """The words of a line as numbers, finite or not.

    Raises:
        DataError: a word is none; file and line are named.
    """
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise DataError(path, str(error)[:120], way_out, f"line {line}") from None
