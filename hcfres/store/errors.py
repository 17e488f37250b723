"""What goes wrong with kept results, in words that say what to do."""

import errno
from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StoreError(RuntimeError):
    """A result could not be kept, or what was kept is not to be trusted."""


def writing_failed(path: Path, error: OSError) -> StoreError:
    """What to tell when the disk refused a write."""
    if error.errno in _FULL:
        return StoreError(
            f"{path} could not be written: the disk is full ({error.strerror}); nothing half "
            "written was left. Free some space, or set HCFRES_HOME to a folder on another disk"
        )
    return StoreError(
        f"{path} could not be written: {error.strerror or error}; nothing half written was left"
    )
