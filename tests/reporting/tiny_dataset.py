"""A dataset of two small scans in ScanNet's layout, whose numbers can be worked out by hand."""

import json
from pathlib import Path

import numpy as np

from hcfres.data.frames import write_frame, write_intrinsics
from hcfres.data.labels import LabelRow, LabelTable, write_labels
from hcfres.data.scan_info import matrix_text
from hcfres.data.scannet import write_scene
from hcfres.data.scene import Frame, Scene, SceneObject

TRAIN, VAL = "scene0000_00", "scene0001_00"
K = np.array([[30.0, 0, 15.5], [0, 30.0, 11.5], [0, 0, 1]])
OWNERS = np.repeat([0, 1, 2, -1], (30, 10, 5, 15))
"""Chair 0 of 30 vertices, chair 1 of 10, an object of an unknown label of 5; 15 are nobody's."""
HOSTILE = "<script>alert('1')</script> & \"the chair\""


def make_scene(scene_id: str) -> Scene:
    """Sixty vertices on a wavy floor; two vertices of chair 0 are labelled floor."""
    x, y = np.meshgrid(np.arange(10.0), np.arange(6.0))
    vertices = np.stack([x.ravel(), y.ravel(), np.sin(x).ravel()], axis=1).astype(np.float32)
    corner = np.array([10 * row + column for row in range(5) for column in range(9)])
    faces = np.stack([corner, corner + 1, corner + 11], axis=1)
    semantics = np.array([0, 5, 5, 0])[OWNERS + 1]
    semantics[:2] = 2
    return Scene(
        scene_id=scene_id,
        vertices=vertices,
        colours=np.full((60, 3), 90, np.uint8),
        faces=np.concatenate([faces, np.stack([corner, corner + 11, corner + 10], axis=1)]),
        instances=OWNERS,
        semantics=semantics,
        segments=np.repeat([0, 30, 40, 45], (30, 10, 5, 15)),
        objects=(
            SceneObject(0, "chair", 5),
            SceneObject(1, "chair", 5),
            SceneObject(2, "thing", 0),
        ),
    )


def entry(ann_id, object_ids, eval_type, description, name="chair", scene_id=TRAIN):
    """One annotation of Multi3DRefer."""
    return {
        "scene_id": scene_id,
        "object_ids": list(object_ids),
        "object_name": name,
        "ann_id": ann_id,
        "eval_type": eval_type,
        "description": description,
    }


SENTENCES = (
    entry(0, (0,), "st_w_d", "the chair left of the table."),
    entry(1, (0, 1), "mt", "both chairs"),
    entry(2, (), "zt_w_d", "a red chair"),
    entry(3, (), "zt_wo_d", "the bed", "bed"),
    entry(4, (2,), "st_wo_d", "that thing!", "thing"),
    entry(5, (9,), "st_wo_d", "the chair that is not annotated"),
    entry(6, (1,), "zt_w_d", "a chair whose type is wrong"),
)
"""The last two are wrong."""


def write_tiny(root: Path, frames: bool = True) -> Path:
    """Write the dataset: one training scan, one validation scan."""
    names = (("wall", 1), ("floor", 2), ("chair", 5))
    rows = tuple(LabelRow(i, name, name, nyu40) for i, (name, nyu40) in enumerate(names, 1))
    write_labels(root / "scannetv2-labels.combined.tsv", LabelTable(rows))
    for split, name in (("train", TRAIN), ("val", VAL)):
        info = {"axisAlignment": matrix_text(np.eye(4))}
        write_scene(root / "scans" / name, make_scene(name), info)
        (root / f"scannetv2_{split}.txt").write_text(f"{name}\n")
        if frames:
            _write_frames(root / "frames" / name)
    val = entry(0, (0,), "st_w_d", HOSTILE, scene_id=VAL)
    (root / "multi3drefer_train.json").write_text(json.dumps(SENTENCES))
    (root / "multi3drefer_val.json").write_text(json.dumps([val]))
    scanrefer = {
        "scene_id": TRAIN,
        "object_id": "0",
        "object_name": "chair",
        "ann_id": "0",
        "description": "the chair",
    }
    (root / "ScanRefer_filtered_train.json").write_text(json.dumps([scanrefer]))
    return root


def _write_frames(folder: Path) -> None:
    """Three frames; the last one's pose is lost, and three quarters of each have a depth."""
    depth = np.full((24, 32), 2.0, np.float32)
    depth[:6] = 0
    colour = np.full((24, 32, 3), 120, np.uint8)
    write_intrinsics(folder, K, K)
    for index, pose in ((0, np.eye(4)), (10, np.eye(4)), (20, np.full((4, 4), -np.inf))):
        write_frame(folder, Frame(index, colour, depth, K, pose))
