"""One launcher at a time, on whatever machine, makes the tables of a shared database."""

import contextlib
from collections.abc import Iterator

import sqlalchemy


@contextlib.contextmanager
def alone_at(address: str, letters: bytes) -> Iterator[None]:
    """Keep others out who come with the same letters; PostgreSQL's lock ends with the connection.

    Args:
        address: of a PostgreSQL database that answers.
        letters: four, by which users of one database tell their locks apart.
    """
    engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        connection.execute(
            sqlalchemy.text("SELECT pg_advisory_lock(:of)"), {"of": int.from_bytes(letters)}
        )
        yield
