"""No process of ours outlives the one that started it, even where that one is killed."""

import os
import threading
import time

_LOOK_EVERY_S = 0.5


def end_with_parent(parent: int) -> None:
    """End this process within a second of its parent's end, from now on and whatever it is doing.

    Args:
        parent: process id of the parent, as the parent itself told it.
    """
    threading.Thread(target=_watch, args=(parent,), name="parent's watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os._exit(1)
