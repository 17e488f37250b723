"""What a console writes to: the work goes on when whoever watched it has gone."""

import errno
import os
import sys
from typing import IO, Any, Literal, cast

from rich.console import Console

_GONE = frozenset({errno.EPIPE, errno.EIO})
"""Of a pipe that nobody reads, of a terminal that was closed."""


class Screen:
    """Standard output, or standard error: what cannot be written is lost, and nothing else.

    Once nobody can read it any more, everything goes to nowhere; a full disk may have room again.
    """

    def __init__(self, name: Literal["stdout", "stderr"]) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def _stream(self) -> IO[str]:
        """The stream of this moment, below what rich puts before it while a view is shown."""
        stream = getattr(sys, self._name)
        return cast(IO[str], getattr(stream, "rich_proxied_file", stream))

    def write(self, text: str) -> int:
        """Write what can be written."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._bear(error)
        return len(text)

    def flush(self) -> None:
        """Hand on what can be handed on."""
        try:
            self._stream.flush()
        except OSError as error:
            self._bear(error)

    def _bear(self, error: OSError) -> None:
        if error.errno in _GONE:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def console_on(name: Literal["stdout", "stderr"]) -> Console:
    """Make a console that outlives its terminal."""
    return Console(file=cast(IO[str], Screen(name)))
