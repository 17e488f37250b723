"""Ctrl-C and SIGTERM: the prompt comes back within seconds, and no process of ours stays behind."""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

import psutil

PATIENCE_S = 3.5
"""For ending in order (decision 150); what is killed then goes on as after a loss of power."""
INTERRUPTED = 130
"""The exit code."""
_HANDLED = signal.SIGINT, signal.SIGTERM
_SAID = "\nstopped; run the same command again to go on where it was\n"
_SHOW_CURSOR = "\033[?25h"


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Inside, the first signal is a KeyboardInterrupt; after it this process always ends.

    It does so when the interrupt has come through to here, when time is up, or at a second signal.
    """
    told = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if told.is_set():
            leave()
        told.set()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _HANDLED}
    try:
        with _limited():
            yield
    finally:
        if told.is_set():
            leave()
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """From the first signal on there is PATIENCE_S, whoever handles it.

    Inside a flow that may be Prefect; and no handler runs while the main thread is in a library.
    """
    heard, told = socket.socketpair()
    told.setblocking(False)
    over = threading.Event()

    def watch() -> None:
        with heard:
            while number := heard.recv(1):
                if number[0] in _HANDLED and not over.wait(PATIENCE_S):
                    leave()

    threading.Thread(target=watch, name="interrupts", daemon=True).start()
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        told.close()


def leave() -> NoReturn:
    """End this process and all that it started, at once, without waiting for what they hold."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    cursor = _SHOW_CURSOR if os.isatty(1) else ""
    with contextlib.suppress(OSError):  # whoever read it may be gone
        sys.stdout.flush()
        os.write(1, (cursor + _SAID).encode())
    os._exit(INTERRUPTED)
