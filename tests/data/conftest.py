"""A small dataset in ScanNet's layout, written by the package's own writers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hcfres.data.annotations.annotations import write_multi3drefer, write_scanrefer
from hcfres.data.expression import Expression
from hcfres.data.frames import write_frame, write_intrinsics
from hcfres.data.labels import LabelRow, LabelTable, write_labels
from hcfres.data.scan_info import matrix_text
from hcfres.data.scannet import write_scene
from hcfres.data.scene import Frame, Scene, SceneObject

K = np.array([[30.0, 0, 15.5], [0, 30.0, 11.5], [0, 0, 1]])


def make_labels() -> LabelTable:
    names = (("wall", 1), ("floor", 2), ("chair", 5), ("trash can", 39))
    return LabelTable(tuple(LabelRow(i, n, n, c) for i, (n, c) in enumerate(names, 1)))


def make_scene(scene_id: str = "scene0000_00") -> Scene:
    """Twelve vertices in four segments; chair 0, trash can 1, nothing on the last three."""
    rng = np.random.default_rng(3)
    instances = np.repeat([0, 0, 1, -1], 3)
    return Scene(
        scene_id=scene_id,
        vertices=rng.random((12, 3), dtype=np.float32),
        colours=rng.integers(0, 256, (12, 3), dtype=np.uint8),
        faces=np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11], [0, 5, 11]]),
        instances=instances,
        semantics=np.array([0, 5, 39])[instances + 1],
        segments=np.repeat([0, 3, 6, 9], 3),
        objects=(SceneObject(0, "chair", 5), SceneObject(1, "trash can", 39)),
    )


def make_frame(index: int, pose: np.ndarray | None = None) -> Frame:
    rng = np.random.default_rng(index)
    colour = np.repeat(rng.integers(0, 256, (1, 1, 3), dtype=np.uint8), 48, 0).repeat(64, 1)
    depth = rng.integers(0, 4000, (24, 32)).astype(np.float32) * np.float32(0.001)
    return Frame(index, colour, depth, K, np.eye(4) if pose is None else pose)


def make_expression(**changes: object) -> Expression:
    values: dict = {
        "dataset": "multi3drefer",
        "scene_id": "scene0000_00",
        "object_ids": (0,),
        "ann_id": 0,
        "object_name": "chair",
        "description": "the chair by the trash can",
        "eval_type": "st_wo_d",
        "spatial": True,
        "color": False,
        "texture": False,
        "shape": False,
    }
    return Expression(**values | changes)


@dataclass(frozen=True)
class Make:
    """The makers above, for tests that vary them."""

    labels = staticmethod(make_labels)
    scene = staticmethod(make_scene)
    frame = staticmethod(make_frame)
    expression = staticmethod(make_expression)
    intrinsics = K


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One training scan with six frames, of which number 20 is lost, and three sentences."""
    root = tmp_path / "rooms"
    name = "scene0000_00"
    write_scene(root / "scans" / name, make_scene(), {"axisAlignment": matrix_text(np.eye(4))})
    for index in (0, 10, 20, 30, 100, 110):
        pose = np.full((4, 4), np.nan) if index == 20 else np.eye(4)
        write_frame(root / "frames" / name, make_frame(index, pose))
    write_intrinsics(root / "frames" / name, K * 2, K)
    write_labels(root / "scannetv2-labels.combined.tsv", make_labels())
    (root / "scannetv2_train.txt").write_text(f"{name}\n")
    (root / "scannetv2_val.txt").write_text(name)
    sentences = (
        make_expression(),
        make_expression(ann_id=1, object_ids=(0, 1), eval_type="mt"),
        make_expression(ann_id=2, object_ids=(), eval_type="zt_wo_d", object_name="bed"),
    )
    write_multi3drefer(root / "multi3drefer_train.json", sentences)
    write_scanrefer(root / "ScanRefer_filtered_train.json", sentences[:1])
    return root
