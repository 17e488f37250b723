"""One launcher at a time, on whatever machine, makes the tables of a shared database."""

import contextlib
import time
from collections.abc import Iterator

import sqlalchemy

from hcfres.store.errors import StoreError

_LONGEST_S = 180.0
_LOOK_EVERY_S = 0.2


@contextlib.contextmanager
def alone_at(address: str, letters: bytes, longest_s: float = _LONGEST_S) -> Iterator[None]:
    """Keep others out who come with the same letters; PostgreSQL's lock ends with the connection.

    Args:
        address: of a PostgreSQL database that answers.
        letters: four, by which users of one database tell their locks apart.
        longest_s: for which another may have it.

    Raises:
        StoreError: another had it for too long; a machine that lost its power does, until the
            database notices.
    """
    engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        until = time.monotonic() + longest_s
        while not _locked(connection, letters):
            if time.monotonic() > until:
                raise StoreError(
                    f"another launcher has been opening {engine.url.host}/{engine.url.database} "
                    f"for {longest_s:.0f} s, or its machine is gone. Run the command again; if "
                    "that does not help, end its connection: select pg_terminate_backend(pid) from "
                    "pg_locks where locktype = 'advisory'"
                )
            time.sleep(_LOOK_EVERY_S)
        yield


def _locked(connection: sqlalchemy.Connection, letters: bytes) -> bool:
    """Take the lock where nobody has it."""
    asked = sqlalchemy.text("SELECT pg_try_advisory_lock(:of)")
    return bool(connection.execute(asked, {"of": int.from_bytes(letters)}).scalar())
