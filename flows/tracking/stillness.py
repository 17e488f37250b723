"""A database that was asked and says nothing: it counts as away after a while (decision 194).

libpq would wait for ever for one that stands still on a machine that lives, and let no Ctrl-C
through.
"""

import select
from typing import Any

_SILENT_S = 60.0
"""Until nothing comes any more."""
_CONNECT = "connect_timeout"
"""libpq's word; it keeps to it itself only where it waits itself."""


def limit_stillness() -> None:
    """Let every connection of this process to a PostgreSQL be waited for in Python, not for ever.

    What is asked of one that stands still fails as if the connection had been lost, and it is.
    """
    from psycopg2 import extensions  # noqa: PLC0415  an extra, which only a shared database needs

    extensions.set_wait_callback(_wait)


def _wait(connection: Any) -> None:
    """Wait until what was asked is answered.

    Raises:
        psycopg2.OperationalError: nothing moved for too long.
    """
    import psycopg2  # noqa: PLC0415
    from psycopg2 import extensions  # noqa: PLC0415

    events = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}
    there = (extensions.STATUS_READY, extensions.STATUS_BEGIN, extensions.STATUS_PREPARED)
    limit = _SILENT_S
    if connection.status not in there:
        limit = float(connection.info.dsn_parameters.get(_CONNECT, _SILENT_S))
    while (state := connection.poll()) != extensions.POLL_OK:
        waiting = select.poll()
        waiting.register(connection.fileno(), events[state])
        if not waiting.poll(1000 * limit):
            raise psycopg2.OperationalError(f"no answer for {limit:.0f} s")
