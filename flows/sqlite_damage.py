"""Databases of SQLite that are damaged: not locked, not unreadable, not of another version."""

import contextlib
import secrets
import sqlite3
from pathlib import Path

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_FOUND = "*** in database"
"""Begins what SQLite's check says of a broken file; of rows that break a rule it says otherwise."""
_BESIDE = ("-wal", "-shm", "-journal")
"""Ends of the names of what belongs to a database; beside a new one it would spoil that."""


def tells_damage(error: BaseException) -> bool:
    """Whether SQLite says by an error that a file is damaged."""
    code = getattr(error, "sqlite_errorcode", 0)
    return isinstance(error, sqlite3.Error) and code & 0xFF in _DAMAGED


def damage_of(database: Path) -> str:
    """Read a database whole and say what is broken in it; "" where nothing is, or it is not told.

    Args:
        database: an absolute path; nothing need be there.
    """
    try:
        address = f"{database.as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, timeout=0.0, uri=True)) as opened:
            (found,) = opened.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error) if tells_damage(error) else ""
    return " ".join(found.split()) if found.startswith(_FOUND) else ""


def put_aside(database: Path) -> Path:
    """Rename a database, and before it what belongs to it; its new place is returned."""
    aside = database.with_name(f"{database.name}.damaged-{secrets.token_hex(4)}")
    for end in (*_BESIDE, ""):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{database}{end}").rename(f"{aside}{end}")
    return aside
