"""What a scanner wrote about a scan, `<scene>.txt`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hcfres.data.errors import DataError
from hcfres.data.files import read_text, write_bytes
from hcfres.data.poses import require_rigid

_MATRICES = ("axisAlignment", "colorToDepthExtrinsics")


@dataclass(frozen=True)
class ScanInfo:
    """The file's lines, those that this project reads as values and all of them as text."""

    axis_alignment: Float[np.ndarray, "4 4"]
    """World to axis-aligned world; the identity where the file has none (test scans)."""
    entries: tuple[tuple[str, str], ...]
    """Every key and value in the file's order, unknown keys included."""

    def get(self, key: str) -> str | None:
        """Return a value as text, None where the file lacks the key."""
        return dict(self.entries).get(key)


def read_scan_info(path: Path, way_out: str = "") -> ScanInfo:
    """Read `key = value` lines; a value may hold spaces and end in one.

    Raises:
        DataError: missing; a line without `=`, or with a key that an earlier line has; a matrix
            that is not 16 numbers, or not a rotation and a translation.
    """
    entries: dict[str, str] = {}
    for number, line in enumerate(read_text(path, way_out).split("\n"), 1):
        if not line.strip():
            continue
        key, equals, value = line.partition("=")
        place = f"line {number}"
        if not equals or not key.strip():
            raise DataError(path, f"no `key = value` in {line[:60]!r}", way_out, place)
        if key.strip() in entries:
            raise DataError(path, f"{key.strip()[:60]!r} comes twice", way_out, place)
        entries[key.strip()] = value.strip()
    matrices = [_matrix(path, key, entries.get(key), way_out) for key in _MATRICES]
    return ScanInfo(matrices[0], tuple(entries.items()))


def write_scan_info(path: Path, entries: dict[str, str]) -> None:
    """Write lines in the keys' alphabetical order; axisAlignment ends in a space, as released."""
    lines = [f"{key} = {value}" for key, value in sorted(entries.items())]
    lines = [line + " " * line.startswith("axisAlignment") for line in lines]
    write_bytes(path, ("\n".join(lines) + "\n").encode())


def matrix_text(matrix: Float[np.ndarray, "4 4"]) -> str:
    """Write a matrix as a value of such a file: 16 decimals, row by row."""
    return " ".join(f"{value:f}" for value in matrix.reshape(-1))


def _matrix(path: Path, key: str, text: str | None, way_out: str) -> np.ndarray:
    if text is None:
        return np.eye(4)
    try:
        numbers = np.array([float(word) for word in text.split()])
    except ValueError:
        numbers = np.zeros(0)
    if numbers.shape != (16,) or not np.isfinite(numbers).all():
        raise DataError(path, f"a matrix has 16 numbers, found {text[:60]!r}", way_out, key)
    matrix = numbers.reshape(4, 4)
    require_rigid(path, matrix, way_out, key)
    return matrix
