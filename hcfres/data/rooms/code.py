"""The code that makes rooms: rooms that other code made do not count, however whole they are."""

from hcfres.data.rooms.marker import Code
from hcfres.data.rooms.seeds import ROOMS_VERSION
from hcfres.store.recorded import marked_same
from hcfres.store.stage import code_fingerprint

NAME = "rooms"
"""What the code of rooms is recorded as."""
_BUILD = (
    "hcfres.data.rooms.build"  # apart from its functions: cells that mention it do not reach it
)
ROOTS = (f"{_BUILD}:make_room_files", f"{_BUILD}:write_sentences")
"""What writes scans and frames, and what writes sentences."""


def rooms_code() -> Code:
    """Identify the code that would make rooms now, as this process found it on the disk."""
    return Code(code_fingerprint(ROOTS), marked_same(NAME, ROOMS_VERSION))
