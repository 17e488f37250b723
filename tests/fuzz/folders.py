"""Examples that are whole folders, of which one file will be damaged."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.format import Seed


def folder_seed(name: str, make: Callable[[Path], object], target: str) -> Seed:
    """An example as `make` writes it into a folder; `target` names one file, perhaps with `*`."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        make(root)
        (damaged,) = root.glob(target)
        files = {
            str(path.relative_to(root)): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }
        target = str(damaged.relative_to(root))
    content = files.pop(target)
    return Seed(name, target, content, tuple(files.items()))
