"""What a folder notes of its MLflow runs: their ids, and where all of it is logged.

A folder that was logged in several stores has a run in each; an id is known to the one store that
gave it.
"""

import contextlib
import json
import re
import secrets
from pathlib import Path

from flows.tracking.store import TrackingStore
from hcfres.store.errors import StoreError
from hcfres.store.files import write_atomic

NOTE, LOGGED = "mlflow.json", "LOGGED"
"""LOGGED is written when a store has all of the folder; it holds the store's mark."""
EXPECTED = "mlflow.expected"
"""Names a run until NOTE does."""
TOKEN = "hcfres.token"
"""The tag by which a run is found that no folder notes yet."""


def run_ids(folder: Path) -> tuple[str, ...]:
    """The ids of a folder's runs, the last noted first; none where nothing was logged.

    Raises:
        StoreError: the note is broken.
    """
    note = folder / NOTE
    if not note.exists():
        return ()
    try:
        told = json.loads(note.read_bytes())
        found = (told["run_id"], *told.get("earlier", ()))
    except (ValueError, KeyError, TypeError, AttributeError):
        found = ()
    if not found or not all(isinstance(one, str) and one.isalnum() for one in found):
        raise StoreError(f"{note} names no run; delete it, and the folder is logged as a new one")
    return found


def note_run(folder: Path, run_id: str) -> None:
    """Note a run as the folder's last."""
    earlier = [one for one in run_ids(folder) if one != run_id]
    told = {"run_id": run_id} | ({"earlier": earlier} if earlier else {})
    write_atomic(folder / NOTE, json.dumps(told).encode())
    (folder / EXPECTED).unlink(missing_ok=True)


def is_expected(folder: Path) -> bool:
    """Whether a launcher that was killed had begun to make a run for the folder."""
    return (folder / EXPECTED).exists()


def expect_run(folder: Path) -> str:
    """Give the token of the run that is about to be made for a folder, or was when its launcher was
    killed: the run may then be there, and is noted nowhere."""
    path = folder / EXPECTED
    with contextlib.suppress(FileNotFoundError):
        if re.fullmatch(b"[0-9a-f]{16}", kept := path.read_bytes()):
            return kept.decode()
    token = secrets.token_hex(8)
    write_atomic(path, token.encode())
    return token


def is_logged(folder: Path, store: TrackingStore) -> bool:
    """Whether a store has all of a folder."""
    try:
        return (folder / LOGGED).read_text() == store.mark
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def mark_logged(folder: Path, store: TrackingStore) -> None:
    """Say in a folder that a store has all of it."""
    write_atomic(folder / LOGGED, store.mark.encode())
