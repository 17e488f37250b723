"""Stored files of which a byte becomes another one, as on a failing disk."""

import os
import random
from pathlib import Path

from tests.faults.faults import Kind

_PATTERNS: dict[str, tuple[str, ...]] = {
    "corrupt stage": ("store/[a-z]*/*/value.safetensors", "store/[a-z]*/*/config.toml"),
    "corrupt checkpoint": ("cells/*/checkpoint/state.safetensors",),
    "corrupt best": ("cells/*/best_held_out/weights.safetensors",),
    "corrupt journal": ("cells/*/metrics.jsonl",),
    "corrupt entries": ("cells/*/entries.json",),
    "corrupt room": (
        "data/*/scans/*/*",
        "data/*/frames/*/*/*",
        "data/*/*.json",
        "data/*/made/*.json",
    ),
    "corrupt done": ("cells/*/DONE.json",),
    "corrupt results": ("cells/*/results.json",),
    "corrupt predictions": ("cells/*/predictions.parquet",),
    "corrupt note": ("cells/*/mlflow.json", "stages/*/mlflow.json", "grids/*/mlflow.json"),
}
_OF_PARTIAL: frozenset[Kind] = frozenset(
    {"corrupt checkpoint", "corrupt best", "corrupt journal", "corrupt entries"}
)
"""Of a finished cell these files are read no more."""
HEALED: frozenset[Kind] = frozenset({"corrupt done", "corrupt results", "corrupt predictions"})
"""After these a finished cell is evaluated once more."""
RETRAINED: frozenset[Kind] = frozenset({"corrupt checkpoint", "corrupt best"})
"""After these a cell is trained anew."""


def corrupt(kind: Kind, workspace: Path, number: int) -> Path | None:
    """Change one byte of one file of a kind.

    Of a result of the store, of what a cell is gone on with and of a finished cell's numbers the
    time of change stays, as when a disk loses a bit: their bytes are read when they are used. Of
    what is looked at by size and time alone, rooms and predictions, it is that of a program which
    wrote over them.

    Args:
        kind: of damage.
        workspace: in which nobody works.
        number: decides the file, the byte and what it becomes.

    Returns:
        The file; None where there is none of that kind.
    """
    rng = random.Random(number)
    found = sorted(
        path for pattern in _PATTERNS[kind] for path in workspace.glob(pattern) if path.is_file()
    )
    if kind in _OF_PARTIAL:
        done = {path.parent.name for path in workspace.glob("cells/*/DONE.json")}
        found = [path for path in found if cell_of(path, workspace) not in done]
    if not (found := [path for path in found if path.stat().st_size]):
        return None
    chosen = rng.choice(found)
    _change_byte(chosen, rng, keep_time=kind not in ("corrupt room", "corrupt predictions"))
    return chosen


def cell_of(path: Path, workspace: Path) -> str:
    """The key of the cell that a file below `cells/` is of."""
    return path.relative_to(workspace).parts[1]


def _change_byte(path: Path, rng: random.Random, keep_time: bool) -> None:
    content, stat = bytearray(path.read_bytes()), path.stat()
    place = rng.randrange(len(content))
    content[place] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
