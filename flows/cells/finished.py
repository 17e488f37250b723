"""What a finished cell says of itself: DONE.json, written last of all into its folder."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from hcfres.store.files import leads_down

DONE = "DONE.json"


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
        another size than it had.
    """
    try:
        found = _FINISHED.validate_json((folder / DONE).read_bytes())
        whole = all(
            leads_down(name) and (folder / name).stat().st_size == size
            for name, size in found.files.items()
        )
    except (OSError, ValidationError):
        return None
    return found if whole else None
