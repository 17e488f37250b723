"""Which layout a recording has: looked at, said, and never guessed between two."""

from pathlib import Path

from hcfres.data.captures import (
    polycam,
    record3d,
    redwood,
    scannet_frames,
    sens_recording,
    seven_scenes,
    tum,
)
from hcfres.data.captures.capture import Capture, Layout, Told
from hcfres.data.errors import DataError

LAYOUTS: tuple[Layout, ...] = (
    scannet_frames.LAYOUT,
    sens_recording.LAYOUT,
    tum.LAYOUT,
    redwood.LAYOUT,
    seven_scenes.LAYOUT,
    record3d.LAYOUT,
    polycam.LAYOUT,
)
NAMES = tuple(layout.name for layout in LAYOUTS)


def fitting(path: Path) -> tuple[Layout, ...]:
    """The layouts that a folder or file could have."""
    return tuple(layout for layout in LAYOUTS if layout.fits(path))


def open_capture(path: Path, told: Told, layout: str | None = None) -> Capture:
    """Read a recording, in the layout that is given or found.

    Raises:
        DataError: there is no such folder or layout; none fits, and what was looked for is said;
            several fit; or the recording is broken.
    """
    if not path.exists():
        raise DataError(path, "there is no such folder or file")
    if layout is not None:
        return _named(path, layout).read(path, told)
    found = fitting(path)
    if len(found) == 1:
        return found[0].read(path, told)
    if not found:
        wanted = "".join(f"\n  - {one.title}: {one.looked_for}" for one in LAYOUTS)
        raise DataError(path, f"no recording is found here. Looked for:{wanted}\n")
    names = " and of ".join(f"{one.title} ({one.looked_for})" for one in found)
    choice = " or ".join(f"--layout {one.name}" for one in found)
    raise DataError(path, f"this could be a recording of {names}", f"Say which: {choice}")


def _named(path: Path, name: str) -> Layout:
    for layout in LAYOUTS:
        if layout.name == name:
            return layout
    raise DataError(path, f"there is no layout {name!r}", f"There are {', '.join(NAMES)}")
