"""Who has the embedded database: launchers together, or alone the one who removes it."""

import contextlib
import fcntl
from collections.abc import Iterator

from flows.tracking.store import DATABASE, tracking_store
from hcfres.store.errors import StoreError
from hcfres.store.workspace import Workspace

_LOCK = "launchers.lock"


@contextlib.contextmanager
def in_use(workspace: Workspace) -> Iterator[None]:
    """Keep the embedded database where it is while inside, if runs are tracked there.

    Raises:
        StoreError: it is being removed.
    """
    with contextlib.ExitStack() as held:
        if not tracking_store(workspace).is_shared and not _hold(held, workspace, fcntl.LOCK_SH):
            raise StoreError(
                f"{workspace.root / DATABASE} is being moved and removed by `hcfres migrate "
                "--remove`. When that has ended, name the store it told in HCFRES_TRACKING, and "
                "run the same command again"
            )
        yield


@contextlib.contextmanager
def unused(workspace: Workspace) -> Iterator[None]:
    """Keep launchers from the embedded database while inside.

    Raises:
        StoreError: one uses it.
    """
    with contextlib.ExitStack() as held:
        if not _hold(held, workspace, fcntl.LOCK_EX):
            raise StoreError(
                f"{workspace.root / DATABASE}: a launcher logs its runs there, or `hcfres ui` "
                "shows them. Run the command again when it has ended, or leave out --remove; "
                "nothing was changed"
            )
        yield


def _hold(held: contextlib.ExitStack, workspace: Workspace, how: int) -> bool:
    """Take the lock until `held` ends; False where another has it in a way that excludes this."""
    workspace.root.mkdir(parents=True, exist_ok=True)
    file = held.enter_context((workspace.root / _LOCK).open("ab"))
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
