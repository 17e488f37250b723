"""A dataset folder in ScanNet's layout, whoever made it: rooms or ScanNet itself."""

import hashlib
import json
import logging
from collections import Counter
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

from hcfres.data import frames, scannet
from hcfres.data.aggregation import read_aggregation
from hcfres.data.annotations.annotations import (
    Annotations,
    held_against_scans,
    rejections_text,
    require_scans,
)
from hcfres.data.annotations.json_files import read_multi3drefer, read_scanrefer
from hcfres.data.annotations.referit3d import read_referit3d
from hcfres.data.errors import DataError, too_many
from hcfres.data.expression import Expression
from hcfres.data.files import read_text
from hcfres.data.labels import LabelTable, read_labels
from hcfres.data.scan_info import ScanInfo, read_scan_info
from hcfres.data.scene import Frame, Scene
from hcfres.store.files import file_hash

_log = logging.getLogger(__name__)

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
Source = Literal["multi3drefer", "scanrefer", "nr3d", "sr3d"]

FRAME_FOLDERS = ("frames", "scannet_frames_25k", "posed_images")
"""Where the frames of a scan may be, each in a folder of its scan's name; the first goes first."""
LABEL_TABLE = "scannetv2-labels.combined.tsv"
EXPRESSION_FILES: dict[Source, str] = {
    "multi3drefer": "multi3drefer_{split}.json",
    "scanrefer": "ScanRefer_filtered_{split}.json",
    "nr3d": "nr3d.csv",
    "sr3d": "sr3d.csv",
}
"""The last two hold all splits; ScanNet's lists divide them."""
ABOUT = "about.json"
"""Says of a folder of rooms which setting they were made for."""


class Dataset:
    """Scenes, frames and sentences by name.

    Everything is read when asked for. What is missing is one DataError that says where it was
    looked for and which command brings it.
    """

    def __init__(self, root: Path, way_out: str = "") -> None:
        """Open a dataset.

        Args:
            root: its folder.
            way_out: what errors advise; nothing: the command that puts the dataset in place.

        Raises:
            DataError: `root` is not a folder.
        """
        self.root = Path(root)
        self.name = self.root.name
        self._advice = way_out
        if not self.root.is_dir():
            raise DataError(self.root, "there is no dataset in this folder", self._way_out)

    @property
    def _way_out(self) -> str:
        if self._advice:
            return self._advice
        if "scannet" in self.name.lower():
            return "`hcfres acquire scannet` puts the dataset in place"
        if (name := setting_of(self.root)) is not None:
            return f"`hcfres acquire {name}` puts the dataset in place"
        return "`hcfres acquire SETTING` puts the dataset of a setting (rooms, smoke) in place"

    @cached_property
    def labels(self) -> LabelTable:
        """The label table."""
        return read_labels(self.root / LABEL_TABLE, self._way_out)

    def scene_ids(self, split: Split) -> tuple[str, ...]:
        """Return the scans of a split in the list's order.

        Raises:
            DataError: the list is missing, empty, or names a scan twice or not as ScanNet does.
        """
        path = self._list(split)
        lines = enumerate(read_text(path, self._way_out).split("\n"), 1)
        found = [(number, name) for number, line in lines for name in line.split()]
        names = [name for _, name in found]
        wrong = [
            f"line {n}: {name!r} is no scan's name" for n, name in found if not _is_scene_id(name)
        ]
        times = Counter(names)
        wrong += [f"{name} comes twice" for name in sorted(times) if times[name] > 1]
        if wrong or not names:
            raise DataError(path, too_many(wrong or ["the list is empty"]).rstrip(), self._way_out)
        return tuple(names)

    def scene(self, scene_id: str) -> Scene:
        """Read a scan; one that is not of the test split must have its annotation."""
        folder = self._scan(scene_id)
        annotated = folder.parent.name != "scans_test"
        return scannet.read_scene(folder, scene_id, self.labels, self._way_out, annotated)

    def scan_info(self, scene_id: str) -> ScanInfo:
        """Read what the scanner wrote about a scan."""
        path = self._scan(scene_id) / f"{scene_id}{scannet.INFO}"
        return read_scan_info(path, self._way_out)

    def frames_folder(self, scene_id: str) -> Path:
        """Name the folder a scan's frames are read from: the first of FRAME_FOLDERS that has it.

        Raises:
            DataError: none has it.
        """
        there = [name for name in FRAME_FOLDERS if (self.root / name / scene_id).is_dir()]
        if not there:
            reason = f"this scan has no frames, in {' or '.join(FRAME_FOLDERS)}"
            raise DataError(self.root / FRAME_FOLDERS[0] / scene_id, reason, self._way_out)
        if len(there) > 1:
            _say_once(f"{self.root}: frames of {scene_id} are in {there}; {there[0]} is read")
        return self.root / there[0] / scene_id

    def frame_listing(self, scene_id: str, every: int = 1) -> frames.FrameListing:
        """Sort every `every`-th frame of the recording into usable, invalid and incomplete."""
        return frames.survey_frames(self.frames_folder(scene_id), every, self._way_out)

    def frame_indices(self, scene_id: str, every: int = 1) -> tuple[int, ...]:
        """Return the usable ones among every `every`-th frame of the recording, ascending."""
        return self.frame_listing(scene_id, every).usable

    def frame(self, scene_id: str, index: int, size: tuple[int, int] | None = None) -> Frame:
        """Read a frame; `size` (height, width) resamples its colour image."""
        return frames.read_frame(self.frames_folder(scene_id), index, size)

    def annotations(self, source: Source, split: Split) -> Annotations:
        """Read the sentences of a split, and what in their file cannot be used and why.

        Objects are looked up in each scan's aggregation. In the test split they are not public:
        nothing is checked against them and every expression is marked `hidden`.

        Raises:
            DataError: the file is missing or malformed as a whole.
        """
        path, hidden = self.expressions_path(source, split), split == "test"
        if source == "multi3drefer":
            found = read_multi3drefer(path, self._way_out, hidden)
        elif source == "scanrefer":
            found = read_scanrefer(path, self.labels, self._way_out, hidden)
        else:
            scans, others = frozenset(self.scene_ids(split)), self._other_scans(split)
            found = read_referit3d(path, source, scans, others, self._way_out)
        names = sorted({item.scene_id for item in found.expressions})
        objects = {
            name: None if hidden else self._labels_of(name) for name in names if self._has(name)
        }
        listed = frozenset(self.scene_ids(split)) if self._list(split).exists() else None
        return held_against_scans(found, objects, listed)

    def expressions(self, source: Source, split: Split) -> tuple[Expression, ...]:
        """Read the sentences of a split that can be used; a warning says how many cannot.

        Raises:
            DataError: as `annotations`; or sentences are about scans of the split that are not on
                the disk, all of them at once; or no entry can be used.
        """
        found = self.annotations(source, split)
        require_scans(found, self._way_out)
        if found.rejected:
            reasons = too_many([str(item) for item in found.rejected], shown=3).rstrip()
            if not found.expressions:
                reason = f"no entry can be used; {reasons}"
                raise DataError(self.expressions_path(source, split), reason, self._way_out)
            _log.warning("%s; %s", rejections_text(found), reasons)
        return found.expressions

    def expressions_path(self, source: Source, split: Split) -> Path:
        """Name the file that holds the sentences of a split."""
        return self.root / EXPRESSION_FILES[source].format(split=split)

    def scene_hash(self, scene_id: str) -> str:
        """Identify what `scene` reads: sha256 over its files and the label table."""
        files = scannet.scene_files(self._scan(scene_id), scene_id)
        return self._hash_of((*files, self.root / LABEL_TABLE))

    def frames_hash(self, scene_id: str, every: int = 1) -> str:
        """Identify the frames `frame_indices` names: sha256 over their images, poses and K."""
        folder = self.frames_folder(scene_id)
        return self._hash_of(frames.frame_files(folder, self.frame_indices(scene_id, every)))

    def expressions_hash(self, source: Source, split: Split) -> str:
        """Identify the sentences of a split: sha256 of their file and of the split's list, which
        may be shortened; without a list every sentence of the file is meant, but of nr3d and sr3d,
        whose file the list divides."""
        path, listed = self.expressions_path(source, split), self._list(split)
        divided = source in ("nr3d", "sr3d") or listed.is_file()
        return self._hash_of((path, listed) if divided else (path,))

    def _hash_of(self, paths: tuple[Path, ...]) -> str:
        """One hash of several files: names within the dataset and contents."""
        whole = hashlib.sha256()
        for path in paths:
            if not path.is_file():
                raise DataError(path, "there is no such file", self._way_out)
            whole.update(f"{path.relative_to(self.root)} {file_hash(path)}\n".encode())
        return whole.hexdigest()

    def _has(self, scene_id: str) -> bool:
        return any((self.root / kind / scene_id).is_dir() for kind in ("scans", "scans_test"))

    def _scan(self, scene_id: str) -> Path:
        if not _is_scene_id(scene_id):
            raise DataError(self.root, f"{scene_id!r} is no scan's name", "Names are scene0000_00")
        for kind in ("scans", "scans_test"):
            if (self.root / kind / scene_id).is_dir():
                return self.root / kind / scene_id
        raise DataError(self.root / "scans" / scene_id, "there is no such scan", self._way_out)

    def _list(self, split: Split) -> Path:
        return self.root / f"scannetv2_{split}.txt"

    def _other_scans(self, split: Split) -> frozenset[str] | None:
        """The scans of the other splits; None where the list of train or val is not here."""
        if not all(self._list(name).exists() for name in SPLITS[:2]):
            return None
        others = [s for s in SPLITS if s != split and self._list(s).exists()]
        return frozenset(name for other in others for name in self.scene_ids(other))

    def _labels_of(self, scene_id: str) -> dict[int, str]:
        path = self._scan(scene_id) / f"{scene_id}{scannet.OBJECTS}"
        groups = read_aggregation(path, self._way_out)
        return {group.object_id: group.label for group in groups}


def setting_of(root: Path) -> str | None:
    """Return the name of the setting that a folder's rooms were made for; None where none says."""
    try:
        told = json.loads((root / ABOUT).read_text())
    except (OSError, ValueError):
        return None
    name = told.get("setting") if isinstance(told, dict) else None
    return name if isinstance(name, str) else None


def shared_files(source: Source) -> tuple[str, ...]:
    """Name the files besides the scans that decide which sentences training and validation have."""
    splits = SPLITS[:2]
    lists = [f"scannetv2_{split}.txt" for split in splits]
    sentences = [EXPRESSION_FILES[source].format(split=split) for split in splits]
    return tuple(dict.fromkeys((LABEL_TABLE, *lists, *sentences)))


def sources_of(path: Path) -> tuple[tuple[Source, Split], ...]:
    """Return what a file of sentences holds, by its name.

    Raises:
        DataError: no such file has this name.
    """
    named = {
        (source, split): pattern.format(split=split)
        for source, pattern in EXPRESSION_FILES.items()
        for split in (SPLITS if "{" in pattern else SPLITS[:2])
    }
    if found := tuple(held for held, name in named.items() if name == path.name):
        return found
    known = ", ".join(sorted(set(named.values())))
    raise DataError(path, "this is not the name of a file of sentences", f"Known are {known}")


@cache
def _say_once(sentence: str) -> None:
    _log.warning(sentence)


def _is_scene_id(name: str) -> bool:
    return scannet.SCENE_ID.fullmatch(name) is not None
