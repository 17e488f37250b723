"""Where everything that is made lives: one folder."""

import contextlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hcfres.store.errors import StoreError


def home() -> Path:
    """The workspace folder: `HCFRES_HOME`, or `workspace` in the current directory."""
    return Path(os.environ.get("HCFRES_HOME") or "workspace").expanduser().absolute()


def require_writable(folder: Path, named: str) -> None:
    """Try whether a file can be put into `folder`, which need not be there; nothing is left.

    Args:
        named: the option or variable that names the folder, for the message.

    Raises:
        StoreError: it cannot be made, is no folder, or takes no files.
    """
    try:
        made = [place for place in (folder, *folder.parents) if not place.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        place = f"{named} is {folder}"
        if isinstance(error, FileExistsError | NotADirectoryError):
            reason = "where a file stands, not a folder"
        else:
            reason = f"where nothing can be written ({error.strerror or error})"
        raise StoreError(f"{place}, {reason}; name a folder that takes files") from None
    for new in made:
        with contextlib.suppress(OSError):  # somebody put something there meanwhile
            new.rmdir()


@dataclass(frozen=True)
class Workspace:
    """The folders of a workspace; none is made before something is put into it."""

    root: Path = field(default_factory=home)

    @property
    def data(self) -> Path:
        """Datasets, one folder each."""
        return self.root / "data"

    @property
    def store(self) -> Path:
        """Results of stages, one folder each."""
        return self.root / "store"

    @property
    def cells(self) -> Path:
        """Trained and evaluated cells, one folder each."""
        return self.root / "cells"

    @property
    def grids(self) -> Path:
        """Plans of experiments, one folder each."""
        return self.root / "grids"

    @property
    def weights(self) -> Path:
        """Downloaded weights of encoders."""
        return self.root / "weights"
