"""What a failed cell says of itself: FAILED.json, in its folder until the cell is begun again."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from hcfres.store.files import write_atomic

FAILED = "FAILED.json"
_LONGEST = 400
"""Characters of a message that a footnote has room for."""


@dataclass(frozen=True)
class Failure:
    """Why a cell is not done."""

    setting: str
    seed: int
    reason: str
    """In a word or two: `out of memory`, `hung`, `NonFiniteLossError`, `masks of room_3`."""
    message: str
    """In one line."""
    attempts: int
    """0 where the cell was not begun, for want of what it reads."""
    device: str
    """Empty where the cell was not begun."""
    at: str
    """ISO 8601, UTC."""


_FAILURE = TypeAdapter(Failure)


def now() -> str:
    """The time as a Failure has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def one_line(message: str) -> str:
    """A message as a table or a footnote can hold it."""
    line = " ".join(message.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 2] + " …"


def write_failure(folder: Path, failure: Failure) -> None:
    """Leave it in a cell's folder."""
    write_atomic(folder / FAILED, json.dumps(asdict(failure), indent=1).encode())


def forget_failure(folder: Path) -> None:
    """The cell is begun again."""
    (folder / FAILED).unlink(missing_ok=True)


def failed_seeds(cells: Path, setting: str) -> set[int]:
    """The seeds of a setting's failed cells.

    Args:
        cells: the workspace's folder of them.
    """
    found = (read_failure(path.parent) for path in cells.glob(f"*/{FAILED}"))
    return {failure.seed for failure in found if failure and failure.setting == setting}


def read_failure(folder: Path) -> Failure | None:
    """Why the cell in `folder` failed when it was last begun; None where it did not."""
    try:
        return _FAILURE.validate_json((folder / FAILED).read_bytes())
    except (OSError, ValidationError):
        return None
