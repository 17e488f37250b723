"""Where everything that is made lives: one folder."""

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hcfres.store.errors import StoreError


def home() -> Path:
    """The workspace folder: `HCFRES_HOME`, or `workspace` in the current directory."""
    return Path(os.environ.get("HCFRES_HOME") or "workspace").expanduser().absolute()


def writable(folder: Path, named: str) -> Path:
    """Make `folder` where it is not there, and give it back once a file could be put into it.

    Args:
        named: the option or variable that names the folder, for the message.

    Raises:
        StoreError: it cannot be made, is no folder, or takes no files.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        place = f"{named} is {folder}"
        if isinstance(error, FileExistsError | NotADirectoryError):
            reason = "where a file stands, not a folder"
        else:
            reason = f"where nothing can be written ({error.strerror or error})"
        raise StoreError(f"{place}, {reason}; name a folder that takes files") from None


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
