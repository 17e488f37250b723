"""A scan to ask about: one of a dataset, or one's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from hcfres.data.dataset import Dataset
from hcfres.data.errors import DataError
from hcfres.data.own_scan import OwnScan, ScanFiles, ScanFolder, open_own_scan
from hcfres.data.reprojection import radius_remark
from hcfres.data.scene import Frame, Scene


@dataclass(frozen=True)
class OpenScene:
    """A scan and its frames, read when asked for."""

    source: Dataset | OwnScan
    scene_id: str

    @property
    def scene(self) -> Scene:
        """The mesh or cloud."""
        return self.source.scene(self.scene_id)

    def frames(self, every: int = 1) -> Iterator[Frame]:
        """Every `every`-th usable frame."""
        for index in self.source.frame_indices(self.scene_id, every):
            yield self.source.frame(self.scene_id, index)

    @property
    def file_from_world(self) -> Float[np.ndarray, "4 4"]:
        """From the frame of `scene` to that of the file it was read from, or of the poses."""
        if isinstance(self.source, OwnScan):
            return np.linalg.inv(self.source.world_from_file)
        return np.eye(4)

    def in_file(self, points: Float[np.ndarray, "places 3"]) -> Float32[np.ndarray, "places 3"]:
        """Points of the frame of `scene` in that of the file."""
        back = self.file_from_world
        return (points @ back[:3, :3].T + back[:3, 3]).astype(np.float32)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was assumed about the scan, to be shown to the user."""
        return self.source.remarks if isinstance(self.source, OwnScan) else ()

    def radius_remark(self, radius_m: float) -> str | None:
        """Hold the radius of a method's spherical query against the cloud's spacing.

        A warning where it is small; None where it is not, and for a dataset, whose setting has the
        radius that its scans need.
        """
        if not isinstance(self.source, OwnScan):
            return None
        return radius_remark(self.source.spacing_m, radius_m)


def open_scene(what: Path | str | ScanFiles | ScanFolder, scene_id: str | None = None) -> OpenScene:
    """Open a scan of a dataset folder in ScanNet's layout, or one's own.

    Args:
        what: the dataset's folder; the folder, `.sens` or `.r3d` file of a recording in a layout
            that is recognised; or the files of a scan (cloud, frames, poses).
        scene_id: which scan of the dataset; by default the first of its validation split.

    Raises:
        DataError: a file is missing or broken, or the files do not fit together.
    """
    if isinstance(what, str | Path):
        dataset = Dataset(Path(what))
        if _is_dataset(dataset.root):
            return OpenScene(dataset, _chosen(dataset, scene_id))
        what = ScanFolder(Path(what))
    if scene_id is not None:
        reason = f"a scan of one's own has no other scans in it; {scene_id} was asked for"
        source = what.path if isinstance(what, ScanFolder) else what.frames
        raise DataError(source, reason, "Leave scene_id out")
    own = open_own_scan(what)
    return OpenScene(own, own.scene_id)


def _is_dataset(root: Path) -> bool:
    return any((root / name).is_dir() for name in ("scans", "scans_test"))


def _chosen(dataset: Dataset, scene_id: str | None) -> str:
    if scene_id is None:
        return dataset.scene_ids("val")[0]
    if not any((dataset.root / kind / scene_id).is_dir() for kind in ("scans", "scans_test")):
        raise DataError(dataset.root, f"there is no scan {scene_id}", "See its `scans` folder")
    return scene_id
