"""A wall clock that jumps, for all processes of a grid: libfaketime, where it is installed."""

import os
from dataclasses import dataclass
from pathlib import Path

LIBRARY = "FAKETIME_LIBRARY"
"""Names libfaketime's file where it is in no usual place."""
_USUAL = ("usr/lib/*/faketime/libfaketimeMT.so.1", "usr/lib*/faketime/libfaketimeMT.so.1")
NONE_HERE = "libfaketime is not installed, so no clock is shifted"


def faketime() -> Path | None:
    """The library; None where there is none."""
    named = os.environ.get(LIBRARY)
    if named:
        return Path(named)
    return next((path for usual in _USUAL for path in sorted(Path("/").glob(usual))), None)


@dataclass(frozen=True)
class Clock:
    """The clock of a round's grid; monotonic time, and what files say of theirs, is left alone."""

    library: Path
    said: Path
    """The file with the present shift."""

    def environment(self) -> dict[str, str]:
        """What a process that has this clock is started with."""
        self.shift(0)
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self.said),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def shift(self, seconds: int) -> None:
        """Let it be so many seconds ahead from now on, or behind."""
        beside = self.said.with_suffix(".new")
        beside.write_text(f"{seconds:+d}\n")
        beside.replace(self.said)
