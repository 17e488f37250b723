"""What the stages look at, and what they compute with."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hcfres.data.scene import Frame, Scene
from hcfres.data.source import SceneSource


@dataclass(frozen=True)
class Place:
    """A scan and the frames of it that are looked at."""

    source: SceneSource
    scene_id: str
    every: int

    def scene(self) -> Scene:
        """Read the scan."""
        return self.source.scene(self.scene_id)

    def frames(self) -> Iterator[Frame]:
        """Read the frames, one at a time."""
        for index in self.source.frame_indices(self.scene_id, self.every):
            yield self.source.frame(self.scene_id, index)


@dataclass(frozen=True)
class Machine:
    """Where weights lie and what computes; no part of any identity."""

    weights: Path
    """The workspace's folder of weights."""
    device: str = "cpu"
