"""What of a dataset is there, what is missing or broken, and how many bytes remain."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from hcfres.data.acquisition.partial import bytes_there
from hcfres.data.acquisition.release import DatasetName, ReleaseFile

State = Literal["there", "missing", "begun", "corrupt"]


@dataclass(frozen=True)
class Item:
    """One file, or a scan's frames, and its state."""

    kind: str
    path: str
    """Relative to the dataset's folder."""
    state: State
    bytes_left: int = 0
    """To be fetched; an estimate until a server was asked."""
    reason: str = ""
    """What is wrong with it, for people."""


@dataclass(frozen=True)
class Unit:
    """What belongs together: a scan, the lists, the sentences."""

    dataset: DatasetName
    name: str
    items: tuple[Item, ...]

    @property
    def complete(self) -> bool:
        """Tell whether nothing is missing."""
        return all(item.state == "there" for item in self.items)

    @property
    def bytes_left(self) -> int:
        """Bytes to be fetched."""
        return sum(item.bytes_left for item in self.items)

    def count(self, state: State) -> int:
        """Count the items in a state."""
        return sum(item.state == state for item in self.items)


@dataclass(frozen=True)
class Inventory:
    """Everything that was looked at."""

    target: str
    """What was asked for: a dataset or a setting."""
    root: Path
    units: tuple[Unit, ...]
    notes: tuple[str, ...] = ()
    """What is worth knowing although nothing is missing for it."""
    estimated: bool = True
    """The bytes that remain are estimates."""

    @property
    def complete(self) -> bool:
        """Tell whether nothing is missing."""
        return all(unit.complete for unit in self.units)

    @property
    def bytes_left(self) -> int:
        """Bytes to be fetched."""
        return sum(unit.bytes_left for unit in self.units)

    @property
    def incomplete(self) -> tuple[Unit, ...]:
        """Units that lack something, the worst first: broken, then missing files, then bytes."""

        def badness(unit: Unit) -> tuple[int, int, int, str]:
            missing = unit.count("missing") + unit.count("begun")
            return -unit.count("corrupt"), -missing, -unit.bytes_left, unit.name

        return tuple(sorted((unit for unit in self.units if not unit.complete), key=badness))

    def as_json(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return {
            "target": self.target,
            "root": str(self.root),
            "complete": self.complete,
            "bytes_left": self.bytes_left,
            "bytes_are_estimates": self.estimated and self.bytes_left > 0,
            "datasets": [asdict(tally) for tally in tallies(self)],
            "units": [
                {
                    "dataset": unit.dataset,
                    "name": unit.name,
                    "complete": unit.complete,
                    "bytes_left": unit.bytes_left,
                    "files": [asdict(item) for item in unit.items],
                }
                for unit in self.units
            ],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Tally:
    """The files of one kind of one dataset, counted."""

    dataset: DatasetName
    kind: str
    there: int
    missing: int
    begun: int
    corrupt: int
    bytes_left: int


def tallies(inventory: Inventory) -> tuple[Tally, ...]:
    """Count the files of each dataset by kind and state, in the order in which they are needed."""
    groups: dict[tuple[DatasetName, str], list[Item]] = {}
    for unit in inventory.units:
        for item in unit.items:
            groups.setdefault((unit.dataset, item.kind), []).append(item)
    return tuple(_tally(dataset, kind, items) for (dataset, kind), items in groups.items())


def _tally(dataset: DatasetName, kind: str, items: Sequence[Item]) -> Tally:
    states = [item.state for item in items]
    left = sum(item.bytes_left for item in items)
    counts = {state: states.count(state) for state in ("there", "missing", "begun", "corrupt")}
    return Tally(dataset, kind, bytes_left=left, **counts)


def absent(file: ReleaseFile, root: Path) -> Item:
    """Describe a file that is not there, or of which an interrupted run left a part."""
    begun = bytes_there(root / file.path)
    left = max(file.typical_bytes - begun, 0)
    if begun:
        return Item(file.kind, file.path, "begun", left, f"{begun} bytes are there")
    return Item(file.kind, file.path, "missing", left)
