"""What the stages look at, and what they compute with."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hcfres.data.errors import DataError
from hcfres.data.scene import Frame, Scene
from hcfres.data.source import SceneSource
from hcfres.semantics.sharpness import sharpness

_WITHOUT_FRAMES = "Use a method without images (mdin), or leave the scan out of the lists of scans"
_SHARPNESS = "Lower semantics.least_sharpness of the method; 0 looks at all frames"


@dataclass(frozen=True)
class Place:
    """A scan and the frames of it that are looked at."""

    source: SceneSource
    scene_id: str
    every: int
    least_sharpness: float = 0.0
    """Frames below it are left out."""

    def scene(self) -> Scene:
        """Read the scan."""
        return self.source.scene(self.scene_id)

    def frames(self) -> Iterator[Frame]:
        """Read the frames, one at a time.

        Raises:
            DataError: there is none; or, behind the last, all were left out.
        """
        indices = self.source.frame_indices(self.scene_id, self.every)
        if not indices:
            reason = "it has frames, but none with a usable pose, and the method looks at images"
            raise DataError(self.scene_id, reason, _WITHOUT_FRAMES)
        sharpest = 0.0
        for index in indices:
            frame = self.source.frame(self.scene_id, index)
            found = sharpness(frame.colour) if self.least_sharpness else 0.0
            sharpest = max(sharpest, found)
            if found >= self.least_sharpness:
                yield frame
        if sharpest < self.least_sharpness:
            reason = f"the sharpest of {len(indices)} frames has {sharpest:.4g}"
            raise DataError(self.scene_id, reason, _SHARPNESS)


@dataclass(frozen=True)
class Machine:
    """Where weights lie and what computes; no part of any identity."""

    weights: Path
    """The workspace's folder of weights."""
    device: str = "cpu"
