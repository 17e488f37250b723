"""What a finished cell says of itself: DONE.json, written last of all into its folder."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from hcfres.store.files import fresh_hash, leads_down

DONE = "DONE.json"
_READ = "results.json"
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


_FINISHED = TypeAdapter(Finished)


def read_finished(folder: Path) -> Finished | None:
    """What the cell in `folder` says, if it is finished and whole.

    Returns:
        None where DONE.json is missing or broken, names a file outside of the folder, or a file has
        another size than it had, or another content as far as that is looked at: of results.json,
        and of what was written to after DONE.json (decision 177).
    """
    try:
        found = _FINISHED.validate_json((folder / DONE).read_bytes())
        since = (folder / DONE).stat().st_mtime_ns
        whole = all(
            leads_down(name) and _is_same(folder / name, size, found.hashes.get(name), since)
            for name, size in found.files.items()
        )
    except (OSError, ValidationError):
        return None
    return found if whole else None


def _is_same(path: Path, size: int, sha256: str | None, since: int) -> bool:
    """Whether a file is what it was.

    Args:
        path: of the file.
        size: that it had.
        sha256: that it had; None where it was not kept.
        since: when nothing was written to it any more, ns.
    """
    stat = path.stat()
    if stat.st_size != size or sha256 is None:
        return stat.st_size == size
    suspect = path.name == _READ or stat.st_mtime_ns > since
    return not suspect or fresh_hash(path) == sha256
