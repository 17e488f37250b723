"""The hashes of scans and frames, noted when their files were last read.

A stage's key holds them, and reading the files again takes as long as there are bytes. A plan takes
the noted ones where every file still has the size and time it had then.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hcfres.config.identity import digest
from hcfres.data.dataset import LABEL_TABLE, Dataset
from hcfres.store.files import write_atomic

NOTES = ".seen"
"""The folder of the notes in a store."""


class NotSeenError(LookupError):
    """Nobody noted a hash of these files as they are now."""


@dataclass(frozen=True)
class Notes:
    """What was noted of one dataset's scans."""

    folder: Path

    def write(self, scene_id: str, what: str, stamp: str, found: str) -> None:
        """Note the hash of files that look like `stamp`."""
        told = self._read(scene_id)
        if told.get(what) != [stamp, found]:
            told[what] = [stamp, found]
            write_atomic(self.folder / f"{scene_id}.json", json.dumps(told).encode())

    def read(self, scene_id: str, what: str, stamp: str) -> str:
        """The hash of files that look like `stamp`.

        Raises:
            NotSeenError: none was noted.
        """
        match self._read(scene_id).get(what):
            case [before, str(found)] if before == stamp:
                return found
        raise NotSeenError(f"{self.folder.name}, {scene_id}: {what}")

    def _read(self, scene_id: str) -> dict[str, object]:
        try:
            told = json.loads((self.folder / f"{scene_id}.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}


def notes_of(root: Path, store: Path) -> Notes:
    """The notes on the dataset in the folder `root`."""
    return Notes(store / NOTES / root.name)


class WatchedDataset(Dataset):
    """A dataset that notes every hash of a scan and of its frames."""

    def __init__(self, root: Path, notes: Notes) -> None:
        super().__init__(root)
        self._notes = notes

    def scene_hash(self, scene_id: str) -> str:
        """Identify what `scene` reads, and note it."""
        hashed = super().scene_hash
        return self._noted(scene_id, "scan", scan_stamp, lambda: hashed(scene_id))

    def frames_hash(self, scene_id: str, every: int = 1) -> str:
        """Identify the frames that are looked at, and note it."""
        hashed = super().frames_hash
        return self._noted(
            scene_id, f"frames {every}", frames_stamp, lambda: hashed(scene_id, every)
        )

    def _noted(
        self,
        scene_id: str,
        what: str,
        stamp: Callable[[Dataset, str], str],
        hashed: Callable[[], str],
    ) -> str:
        before = stamp(self, scene_id)
        found = hashed()
        self._notes.write(scene_id, what, before, found)
        return found


class RememberedDataset(Dataset):
    """A dataset whose scans and frames are identified by what was noted of them, never read."""

    def __init__(self, root: Path, notes: Notes) -> None:
        super().__init__(root)
        self._notes = notes

    def scene_hash(self, scene_id: str) -> str:
        """Identify what `scene` would read.

        Raises:
            NotSeenError: it was never read, or has changed since.
        """
        return self._notes.read(scene_id, "scan", scan_stamp(self, scene_id))

    def frames_hash(self, scene_id: str, every: int = 1) -> str:
        """Identify the frames that would be looked at.

        Raises:
            NotSeenError: they were never read, or have changed since.
        """
        return self._notes.read(scene_id, f"frames {every}", frames_stamp(self, scene_id))


class UnreadDataset(Dataset):
    """A dataset of whose scans and frames nothing is known: no key made of them is a result's."""

    def scene_hash(self, scene_id: str) -> str:
        """Stand for the hash of a scan."""
        return "a scan that was not read"

    def frames_hash(self, scene_id: str, every: int = 1) -> str:
        """Stand for the hash of its frames."""
        return "frames that were not read"


def scan_stamp(dataset: Dataset, scene_id: str) -> str:
    """Say in short how the files of a scan look: names, sizes and times."""
    folders = [dataset.root / kind / scene_id for kind in ("scans", "scans_test")]
    looks = [look for folder in folders for look in _looks(folder)]
    return digest(*looks, _look(dataset.root / LABEL_TABLE))


def frames_stamp(dataset: Dataset, scene_id: str) -> str:
    """Say in short how the files of a scan's frames look.

    Raises:
        DataError: it has none.
    """
    return digest(*_looks(dataset.frames_folder(scene_id)))


def _looks(folder: Path) -> Iterator[str]:
    """Every file's look, in the order of the names."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as found:
        for entry in sorted(found, key=lambda entry: entry.name):
            if entry.is_dir():
                yield from _looks(Path(entry))
            else:
                stat = entry.stat()
                yield f"{entry.name} {stat.st_size} {stat.st_mtime_ns}"


def _look(path: Path) -> str:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return f"{path.name} is not there"
    return f"{path.name} {stat.st_size} {stat.st_mtime_ns}"
