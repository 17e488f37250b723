"""Where everything that is made lives: one folder."""

import os
from dataclasses import dataclass, field
from pathlib import Path


def home() -> Path:
    """The workspace folder: `HCFRES_HOME`, or `workspace` in the current directory."""
    return Path(os.environ.get("HCFRES_HOME") or "workspace").expanduser().absolute()


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
