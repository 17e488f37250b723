"""Where everything that is made lives: one folder, which says in which form it keeps things."""

import contextlib
import os
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from hcfres.store.errors import StoreError
from hcfres.store.files import write_atomic

FORMAT = 1
"""Of workspaces: raised when an older program would misread a newer one's, or the other way round.

A workspace without FORMAT_FILE is older than the file itself; nothing else about it differs."""
FORMAT_FILE = "workspace.toml"


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
    """The folders of a workspace; none is made before something is put into it.

    Raises:
        StoreError: the workspace is of another format, and would be misread.
    """

    root: Path = field(default_factory=home)

    def __post_init__(self) -> None:
        _require_format(self.root)

    def claim(self) -> None:
        """Say in the workspace, which takes files, of which format it is."""
        if not (self.root / FORMAT_FILE).exists():
            write_atomic(self.root / FORMAT_FILE, f"format = {FORMAT}\n".encode())

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
    def studies(self) -> Path:
        """Searches: trials, reports and winners, one folder each."""
        return self.root / "studies"

    @property
    def weights(self) -> Path:
        """Downloaded weights of encoders."""
        return self.root / "weights"


def _require_format(root: Path) -> None:
    try:
        text = (root / FORMAT_FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise StoreError(f"{root / FORMAT_FILE} cannot be read ({error.strerror})") from None
    found = _format(text)
    if found == FORMAT:
        return
    place = root / FORMAT_FILE
    if isinstance(found, int) and found > FORMAT:
        raise StoreError(
            f"{place}: this workspace is of format {found}, and this hcfres reads {FORMAT}: it was "
            "written by a newer one. Update hcfres, or set HCFRES_HOME to another folder"
        )
    raise StoreError(
        f"{place} does not say `format = {FORMAT}`, so nothing in this workspace is believed. Put "
        "the file back as it was, or set HCFRES_HOME to another folder"
    )


def _format(text: bytes) -> object:
    try:
        found = tomllib.loads(text.decode()).get("format")
    except (ValueError, RecursionError):
        return None
    return None if isinstance(found, bool) else found
