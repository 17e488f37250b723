"""What a finished cell says of itself: DONE.json, written last of all into its folder."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from hcfres.store.files import fresh_hash, leads_down

DONE = "DONE.json"
RESULTS = "results.json"
"""What every table is made of: always compared by its hash."""


@dataclass(frozen=True)
class Finished:
    """The content of a DONE.json."""

    key: str
    setting: str
    code: str
    """Fingerprint of the code that made it."""
    seconds: float
    """Of training and evaluation."""
    files: dict[str, int]
    """Bytes of each file that it consists of."""
    hashes: dict[str, str] = field(default_factory=dict)
    """The sha256 of each."""
    device: str = "cpu"
    method: str = ""
    """Empty in cells that were finished before it was kept."""

    @property
    def kind(self) -> str:
        """The kind of device: `cpu` or `cuda`."""
        return self.device.partition(":")[0]


Look = Callable[[Path], Finished | None]
"""`read_finished`, or a cache of it: what a command learns of a cell while nothing runs."""
_FINISHED = TypeAdapter(Finished)


def read_finished(folder: Path) -> Finished | None:
    """What the cell in `folder` says, if it is finished and whole.

    Returns:
        None where DONE.json is missing or broken, names a file outside of the folder, or a file has
        another size than it had, or another content as far as that is looked at: of results.json,
        and of what was written to after DONE.json (decision 177).
    """
    try:
        with (folder / DONE).open("rb") as done:
            found = _FINISHED.validate_json(done.read())
            since = os.fstat(done.fileno()).st_mtime_ns
        whole = all(
            leads_down(name) and _is_same(folder, name, size, found.hashes.get(name), since)
            for name, size in found.files.items()
        )
    except (OSError, ValidationError):
        return None
    return found if whole else None


def finished_folders(cells: Path) -> list[Path]:
    """The folders below `cells` that hold a DONE.json, whole or not, in order of their names."""
    if not cells.is_dir():
        return []
    there = sorted(name for name in os.listdir(cells) if os.path.exists(f"{cells}/{name}/{DONE}"))
    return [cells / name for name in there]


def _is_same(folder: Path, name: str, size: int, sha256: str | None, since: int) -> bool:
    """Whether a file is what it was.

    Args:
        folder: of the cell.
        name: of the file in it.
        size: that it had.
        sha256: that it had; None where it was not kept.
        since: when nothing was written to it any more, ns.
    """
    path = os.path.join(folder, name)
    stat = os.stat(path)
    if stat.st_size != size or sha256 is None:
        return stat.st_size == size
    suspect = name == RESULTS or stat.st_mtime_ns > since
    return not suspect or fresh_hash(Path(path)) == sha256
