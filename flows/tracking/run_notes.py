"""What a folder notes of its MLflow runs: their ids, and where all of it is logged.

A folder that was logged in several stores has a run in each; an id is known to the one store that
gave it.
"""

import contextlib
import hashlib
import json
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from flows.tracking.store import TrackingStore
from hcfres.store.files import write_atomic
from hcfres.store.workspace import Workspace

NOTE, LOGGED = "mlflow.json", "LOGGED"
"""LOGGED is written when a store has all of the folder; it holds the store's mark."""
TOKEN_NOTE = "mlflow.token"
"""Holds the token of the folder's run, made before the run is."""
TOKEN = "hcfres.token"
"""The tag by which a run is found that no folder notes, or no more."""


def run_ids(folder: Path) -> tuple[str, ...]:
    """The ids of a folder's runs, the last noted first.

    None where nothing was logged, or the note is not what was written: a run of the folder is then
    found by its token.
    """
    try:
        told = json.loads((folder / NOTE).read_bytes())
        found = (told.pop("run_id"), *told.pop("earlier", ()))
        whole = not told or told == {"check": _check(found)}  # older notes have no check
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()
    return found if whole and all(isinstance(one, str) and one.isalnum() for one in found) else ()


def note_run(folder: Path, run_id: str) -> None:
    """Note a run as the folder's last."""
    earlier = [one for one in run_ids(folder) if one != run_id]
    told = {"run_id": run_id} | ({"earlier": earlier} if earlier else {})
    told |= {"check": _check((run_id, *earlier))}
    write_atomic(folder / NOTE, json.dumps(told).encode())


def forget_run(folder: Path) -> None:
    """Let the next run of a folder be a new one."""
    for name in (TOKEN_NOTE, NOTE):  # in this order: without a note the token would find it again
        (folder / name).unlink(missing_ok=True)


def has_token(folder: Path) -> bool:
    """Whether a run was made for a folder, or was about to be when its launcher was killed."""
    return (folder / TOKEN_NOTE).exists()


def token_of(folder: Path) -> str:
    """The token of the run that a folder has or is about to get; one is made where there is none.

    The run is found by it where the folder does not note it.
    """
    path = folder / TOKEN_NOTE
    with contextlib.suppress(FileNotFoundError):
        if re.fullmatch(b"[0-9a-f]{16}", kept := path.read_bytes()):
            return kept.decode()
    token = secrets.token_hex(8)
    write_atomic(path, token.encode())
    return token


def _check(ids: Iterable[str]) -> str:
    return hashlib.sha256(" ".join(ids).encode()).hexdigest()[:8]


def is_logged(folder: Path, store: TrackingStore) -> bool:
    """Whether a store has all of a folder."""
    try:
        return (folder / LOGGED).read_text() == store.mark
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def open_stages(workspace: Workspace) -> list[Path]:
    """The stages' folders whose runs nobody ended, as far as they say."""
    noted = {
        path.parent for it in (NOTE, TOKEN_NOTE) for path in workspace.root.glob(f"stages/*/{it}")
    }
    return sorted(folder for folder in noted if not (folder / LOGGED).exists())


def mark_logged(folder: Path, store: TrackingStore) -> None:
    """Say in a folder that a store has all of it."""
    write_atomic(folder / LOGGED, store.mark.encode())
