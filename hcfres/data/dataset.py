"""A dataset folder in ScanNet's layout, whoever made it: rooms or ScanNet itself."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Literal

from hcfres.data import annotations, frames, scannet
from hcfres.data.aggregation import read_aggregation
from hcfres.data.errors import DataError, too_many
from hcfres.data.expression import Expression
from hcfres.data.files import read_text
from hcfres.data.labels import LabelTable, read_labels
from hcfres.data.scan_info import ScanInfo, read_scan_info
from hcfres.data.scene import Frame, Scene
from hcfres.store.files import file_hash

Split = Literal["train", "val", "test"]
Source = Literal["multi3drefer", "scanrefer"]

LABEL_TABLE = "scannetv2-labels.combined.tsv"
EXPRESSION_FILES: dict[Source, str] = {
    "multi3drefer": "multi3drefer_{split}.json",
    "scanrefer": "ScanRefer_filtered_{split}.json",
}


class Dataset:
    """Scenes, frames and sentences by name.

    Everything is read when asked for. What is missing is one DataError that says where it was
    looked for and which command brings it.
    """

    def __init__(self, root: Path) -> None:
        """Open a dataset.

        Raises:
            DataError: `root` is not a folder.
        """
        self.root = Path(root)
        self.name = self.root.name
        if not self.root.is_dir():
            raise DataError(self.root, "there is no dataset in this folder", self._way_out)

    @property
    def _way_out(self) -> str:
        known = "scannet" if "scannet" in self.name.lower() else "rooms"
        return f"`hcfres acquire {known}` puts the dataset in place"

    @cached_property
    def labels(self) -> LabelTable:
        """The label table."""
        return read_labels(self.root / LABEL_TABLE, self._way_out)

    def scene_ids(self, split: Split) -> tuple[str, ...]:
        """Return the scans of a split in the list's order.

        Raises:
            DataError: the list is missing, empty, or names a scan twice or not as ScanNet does.
        """
        path = self.root / f"scannetv2_{split}.txt"
        names = read_text(path, self._way_out).split()
        wrong = [f"{name!r} is no scan's name" for name in names if not _is_scene_id(name)]
        wrong += [
            f"{name} comes twice" for name in sorted({n for n in names if names.count(n) > 1})
        ]
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

    def frame_listing(self, scene_id: str, every: int = 1) -> frames.FrameListing:
        """Sort every `every`-th frame on the disk into usable, invalid and incomplete."""
        return frames.survey_frames(self._frames(scene_id), every, self._way_out)

    def frame_indices(self, scene_id: str, every: int = 1) -> tuple[int, ...]:
        """Return the usable ones among every `every`-th frame on the disk, ascending."""
        return self.frame_listing(scene_id, every).usable

    def frame(self, scene_id: str, index: int, size: tuple[int, int] | None = None) -> Frame:
        """Read a frame; `size` (height, width) resamples its colour image."""
        return frames.read_frame(self._frames(scene_id), index, size)

    def expressions(self, source: Source, split: Split) -> tuple[Expression, ...]:
        """Read the sentences of a split.

        Raises:
            DataError: as the readers of `annotations`; or sentences name scenes or objects that
                this dataset lacks, all of them at once.
        """
        path = self.expressions_path(source, split)
        if source == "multi3drefer":
            found = annotations.read_multi3drefer(path, self._way_out)
        else:
            found = annotations.read_scanrefer(path, self.labels, self._way_out)
        names = sorted({item.scene_id for item in found})
        objects = {name: self._object_ids(name) for name in names if self._has(name)}
        annotations.require_known_objects(path, found, objects, self._way_out)
        return found

    def expressions_path(self, source: Source, split: Split) -> Path:
        """Name the file that holds the sentences of a split."""
        return self.root / EXPRESSION_FILES[source].format(split=split)

    def scene_hash(self, scene_id: str) -> str:
        """Identify what `scene` reads: sha256 over its files and the label table."""
        files = scannet.scene_files(self._scan(scene_id), scene_id)
        return self._hash_of((*files, self.root / LABEL_TABLE))

    def frames_hash(self, scene_id: str, every: int = 1) -> str:
        """Identify the frames `frame_indices` names: sha256 over their images, poses and K."""
        folder = self._frames(scene_id)
        return self._hash_of(frames.frame_files(folder, self.frame_indices(scene_id, every)))

    def expressions_hash(self, source: Source, split: Split) -> str:
        """Identify the sentences of a split: sha256 of their file."""
        return self._hash_of((self.expressions_path(source, split),))

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

    def _frames(self, scene_id: str) -> Path:
        folder = self.root / "frames" / scene_id
        if not folder.is_dir():
            raise DataError(folder, "this scan has no frames", self._way_out)
        return folder

    def _object_ids(self, scene_id: str) -> frozenset[int]:
        path = self._scan(scene_id) / f"{scene_id}{scannet.OBJECTS}"
        return frozenset(group.object_id for group in read_aggregation(path, self._way_out))


def _is_scene_id(name: str) -> bool:
    return scannet.SCENE_ID.fullmatch(name) is not None
