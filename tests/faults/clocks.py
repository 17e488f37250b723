"""A wall clock that jumps, for all processes of a grid.

libfaketime would do the same, but makes the sleep of Python 3.11 and later fail.
"""

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

NONE_HERE = "there is no C compiler, so no clock is shifted"
_SOURCE = Path(__file__).with_name("clock.c")
_BYTES = 8


@cache
def compiler() -> str | None:
    """The C compiler; None where there is none."""
    return shutil.which("cc")


@dataclass(frozen=True)
class Clock:
    """The clock of a round's grid; monotonic time, and what files say of theirs, is left alone."""

    folder: Path
    """Holds its library, and by how much it is shifted."""

    def environment(self) -> dict[str, str]:
        """What a process that has this clock is started with."""
        library, said = self.folder / "clock.so", self.folder / "shift"
        said.write_bytes(bytes(_BYTES))
        asked = [compiler() or "cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE)]
        subprocess.run(asked, check=True)
        return {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(said)}

    def shift(self, seconds: int) -> None:
        """Let it be so many seconds ahead from now on, or behind."""
        with (self.folder / "shift").open("r+b", buffering=0) as said:
            said.write(seconds.to_bytes(_BYTES, "little", signed=True))
