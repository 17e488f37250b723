"""A dataset of one small scan where a setting looks for its own."""

from pathlib import Path

import numpy as np

from flows.datasets import dataset_folder
from flows.places import setting_file
from hcfres.config.loading import load
from hcfres.config.setting import SettingConfig
from hcfres.data.rooms.writer import write_label_table
from hcfres.data.scannet import write_scene
from hcfres.data.scene import Scene
from hcfres.store.workspace import Workspace

SCENE = "scene0000_00"


def smoke() -> SettingConfig:
    """The smallest setting."""
    return load(setting_file("smoke"), SettingConfig)


def folded(rows: int = 12, columns: int = 25) -> tuple[np.ndarray, np.ndarray]:
    """A sheet folded by a right angle along its middle column: two superpoints."""
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    middle = columns // 2
    points = np.stack([np.minimum(x, middle), y, -np.maximum(x - middle, 0)], axis=-1)
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1)
    lower = np.stack([corner, corner + 1, corner + columns], axis=1)
    upper = np.stack([corner + 1, corner + columns + 1, corner + columns], axis=1)
    return points.reshape(-1, 3), np.concatenate([lower, upper])


def put_scan() -> Path:
    """Write the scan into the dataset of the setting `smoke`; its folder."""
    root = dataset_folder(smoke(), Workspace())
    vertices, faces = folded()
    count = len(vertices)
    scene = Scene(
        scene_id=SCENE,
        vertices=vertices,
        colours=np.zeros((count, 3), np.uint8),
        faces=faces,
        instances=np.full(count, -1),
        semantics=np.zeros(count, np.int64),
        segments=np.arange(count) // 100,
        objects=(),
    )
    write_scene(root / "scans" / SCENE, scene, {"axisAlignment": "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1"})
    write_label_table(root / "scannetv2-labels.combined.tsv")
    return root / "scans" / SCENE
