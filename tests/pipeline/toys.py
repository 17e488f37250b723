"""A scene small enough to check by hand, and a source of it."""

from dataclasses import dataclass

import numpy as np

from hcfres.data.expression import Expression
from hcfres.data.features import SuperpointFeatures, Superpoints, TextFeatures
from hcfres.data.scene import NO_OBJECT, Frame, Scene, SceneObject
from hcfres.pipeline.scene import PreparedScene


def toy_scene(scene_id: str = "scene0000_00", shift: float = 0.0) -> Scene:
    """Eight vertices on a line: four of the chair 3, one of none, two of the table 5, one floor."""
    vertices = np.zeros((8, 3), dtype=np.float32)
    vertices[:, 0] = np.arange(8) + shift
    return Scene(
        scene_id=scene_id,
        vertices=vertices,
        colours=np.full((8, 3), 255, dtype=np.uint8),
        faces=np.array([[0, 1, 2], [2, 3, 4], [4, 5, 6], [5, 6, 7]], dtype=np.int64),
        instances=np.array([3, 3, 3, 3, NO_OBJECT, 5, 5, 0], dtype=np.int64),
        semantics=np.zeros(8, dtype=np.int64),
        segments=np.array([7, 7, 7, 7, 9, 9, 9, 9], dtype=np.int64),
        objects=(
            SceneObject(0, "floor", 2),
            SceneObject(5, "table", 7),
            SceneObject(3, "office chair", 5),
        ),
    )


LABELS = np.array([0, 0, 1, 1, 1, 2, 2, 2], dtype=np.int64)


def toy_expression(targets: tuple[int, ...], description: str) -> Expression:
    kind = {0: "zt_wo_d", 1: "st_wo_d"}.get(len(targets), "mt")
    return Expression(
        "multi3drefer", "scene0000_00", targets, 0, "chair", description, kind,
        spatial=False, color=False, texture=False, shape=False,
    )  # fmt: skip


def toy_prepared(scene_id: str = "scene0000_00", width: int = 2) -> PreparedScene:
    features = np.arange(3 * width, dtype=np.float32).reshape(3, width)
    lifted = SuperpointFeatures(features, np.array([True, True, False]))
    return PreparedScene(toy_scene(scene_id), Superpoints(LABELS), lifted, lifted)


def toy_text(lengths: list[int], padded: int, width: int = 4) -> TextFeatures:
    valid = np.arange(padded)[None, :] < np.array(lengths, dtype=np.int64)[:, None]
    features = valid[..., None] * np.ones((len(lengths), padded, width), dtype=np.float32)
    maps = np.zeros((len(lengths), 5, padded), dtype=np.float32)
    maps[:, 0, 0] = 1
    return TextFeatures(features.astype(np.float32), valid.astype(np.int64), valid, maps)


@dataclass
class ToySource:
    """One scene, its frames known by their hash alone."""

    name: str = "toy"
    scene_content: str = "scene"
    frames_content: str = "frames"

    def scene(self, scene_id: str) -> Scene:
        return toy_scene(scene_id)

    def frame_indices(self, scene_id: str, every: int = 1) -> tuple[int, ...]:
        return ()

    def frame(self, scene_id: str, index: int, size: tuple[int, int] | None = None) -> Frame:
        raise LookupError(f"{scene_id} has no frame {index}, of whatever size {size}")

    def scene_hash(self, scene_id: str) -> str:
        return f"{self.scene_content} {scene_id}"

    def frames_hash(self, scene_id: str, every: int = 1) -> str:
        return f"{self.frames_content} {scene_id} {every}"
