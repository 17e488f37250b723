"""Errors of ours are told in one message; anything else keeps its traceback."""

import contextlib
import errno
import shutil
import sys
from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

from flows.workers.interrupts import interruptible
from hcfres.store.workspace import home

_TOLD_PLAINLY = {
    "CheckpointError",
    "ConfigError",
    "DataError",
    "JobError",
    "PlanError",
    "StoreError",
    "WeightsError",
}
_LEAST_FREE_BYTES = 100_000
"""With less nothing can be kept, not even a server's word of it."""
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}


@contextlib.contextmanager
def explained(console: Console) -> Iterator[None]:
    """Turn a known error into one message and exit code 2; SIGTERM ends like Ctrl-C, with 130."""
    try:
        with interruptible():
            yield
    except Exception as error:
        if not _is_known(error):
            raise
        told = f"[bold red]hcfres:[/] {escape(_message(error))}"
        console.print(told, highlight=False, soft_wrap=True)
        sys.exit(2)


def _is_known(error: BaseException) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    told = names & _TOLD_PLAINLY or _failing_server(error)
    return bool(told) or _full_disk(error) or _closed_place(error)


def _message(error: BaseException) -> str:
    names = {kind.__name__ for kind in type(error).__mro__}
    if _closed_place(error):
        return f"{error}: name a place that can be written, or change what is there"
    if _failing_server(error) and not _full_disk(error):
        return (
            f"a server stopped answering ({error}). What is finished is kept; when it answers "
            "again, run the same command"
        )
    if not names & _TOLD_PLAINLY:
        return f"the disk is full ({error}); free some space and run the command again"
    return str(error)


def _failing_server(error: BaseException) -> bool:
    """Whether Prefect gave up asking its server, or that failed, as where it had no space left.

    httpx is not imported where nobody asked.
    """
    names = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("httpx")}
    if "HTTPStatusError" in names:
        return bool(error.response.is_server_error)  # type: ignore[attr-defined]
    return "TransportError" in names


def _closed_place(error: BaseException) -> bool:
    """Whether a file or folder was refused for what it is or whose it is."""
    return isinstance(error, OSError) and error.errno in _CLOSED and error.filename is not None


def _full_disk(error: BaseException) -> bool:
    """Whether the system or SQLite, on which MLflow and Prefect write, had no space left."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return True
    return "database or disk is full" in str(error) or _no_space_left()


def _no_space_left() -> bool:
    """Whether the workspace's disk is full: servers that write to it fail in words of their own."""
    with contextlib.suppress(OSError):
        return shutil.disk_usage(home()).free < _LEAST_FREE_BYTES
    return False
