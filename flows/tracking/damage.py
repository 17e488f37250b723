"""A damaged embedded database is one error that says how to go on."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from flows.sqlite_damage import tells_damage
from flows.tracking.outages import behind
from flows.tracking.run_notes import LOGGED
from hcfres.store.errors import StoreError


@contextlib.contextmanager
def damage_told(database: Path) -> Iterator[None]:
    """Tell what SQLite says inside of a damaged database.

    Args:
        database: the embedded one, in the workspace.

    Raises:
        StoreError: it is damaged.
    """
    try:
        yield
    except Exception as error:
        said = next((one for one in behind(error) if tells_damage(one)), None)
        if said is None:
            raise
        raise StoreError(
            f"{database} is damaged ({said}); no result is in it. Put a copy of it back. Or move "
            f"it out of the workspace, with every {database.name}-* beside it, delete every file "
            f"named {LOGGED} in {database.parent}, and run the same command again: grids and the "
            "cells that are done are logged anew from the disk"
        ) from error
