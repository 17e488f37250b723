"""No process of ours outlives the one that started it, even where that one is killed."""

import fcntl
import multiprocessing
import os
import signal
import sys
import threading
import time

_LOOK_EVERY_S = 0.5


def end_with_parent(parent: int) -> None:
    """End this process within a second of its parent's end, from now on and whatever it is doing.

    Args:
        parent: process id of the parent, as the parent itself told it.
    """
    _let_linux_see_to_it()
    threading.Thread(target=_watch, args=(parent,), name="parent's watch", daemon=True).start()


def _let_linux_see_to_it() -> None:
    """Be killed as the parent's end of the pipe closes through which it began this process.

    A thread cannot end a process that is in the middle of a long call into a library.
    """
    parent = multiprocessing.parent_process()
    if parent is None or sys.platform != "linux":
        return
    pipe = parent.sentinel
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os._exit(1)
