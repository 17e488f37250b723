"""What the stages ask of whoever provides scenes: a dataset, or a scan of one's own."""

from typing import Protocol, runtime_checkable

from hcfres.data.scene import Frame, Scene


@runtime_checkable
class SceneSource(Protocol):
    """Scenes and frames by name, with hashes of their content for the store."""

    name: str

    def scene(self, scene_id: str) -> Scene:
        """Return a scan."""
        ...

    def frame_indices(self, scene_id: str, every: int = 1) -> tuple[int, ...]:
        """Return the numbers of the usable frames, every `every`-th, ascending."""
        ...

    def frame(self, scene_id: str, index: int, size: tuple[int, int] | None = None) -> Frame:
        """Return a frame; `size` (height, width) resamples its colour image."""
        ...

    def scene_hash(self, scene_id: str) -> str:
        """Identify what `scene` returns."""
        ...

    def frames_hash(self, scene_id: str, every: int = 1) -> str:
        """Identify what `frame_indices` and `frame` return."""
        ...
