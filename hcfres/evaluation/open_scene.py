"""A scan to ask about: one of a dataset, or one's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hcfres.data.dataset import Dataset
from hcfres.data.errors import DataError
from hcfres.data.own_scan import OwnScan, ScanFiles, open_own_scan
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
        """From the frame of `scene` to that of the file it was read from."""
        if isinstance(self.source, OwnScan):
            return np.linalg.inv(self.source.world_from_file)
        return np.eye(4)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was assumed about the scan, to be shown to the user."""
        return self.source.remarks if isinstance(self.source, OwnScan) else ()


def open_scene(what: Path | str | ScanFiles, scene_id: str | None = None) -> OpenScene:
    """Open a scan of a dataset folder in ScanNet's layout, or one's own.

    Args:
        what: the dataset's folder, or the files of a scan (cloud, frames, poses).
        scene_id: which scan of the dataset; by default the first of its validation split.

    Raises:
        DataError: a file is missing or broken, or the files do not fit together.
    """
    if isinstance(what, ScanFiles):
        if scene_id is not None:
            reason = f"a scan of one's own has no other scans in it; {scene_id} was asked for"
            raise DataError(what.cloud, reason, "Leave scene_id out")
        own = open_own_scan(what)
        return OpenScene(own, own.scene_id)
    dataset = Dataset(Path(what))
    chosen = dataset.scene_ids("val")[0] if scene_id is None else scene_id
    if scene_id is not None and not any(
        (dataset.root / kind / scene_id).is_dir() for kind in ("scans", "scans_test")
    ):
        raise DataError(dataset.root, f"there is no scan {scene_id}", "See its `scans` folder")
    return OpenScene(dataset, chosen)
