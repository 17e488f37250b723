"""Two partitions of a scan held against each other, wherever they come from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from flows.datasets import dataset_folder
from flows.places import method_file, setting_file
from hcfres.config.loading import load
from hcfres.config.method import MethodConfig
from hcfres.config.setting import SettingConfig
from hcfres.config.setting_file import load_setting
from hcfres.data.dataset import Dataset
from hcfres.data.errors import DataError
from hcfres.data.features import Superpoints
from hcfres.data.ply import read_ply
from hcfres.data.prior.features import read_prior_scene
from hcfres.data.segmentation import read_segments
from hcfres.geometry.partitions import Agreement, Side, compare_partitions
from hcfres.geometry.superpoints import segment_mesh, segment_points
from hcfres.pipeline.places import Machine
from hcfres.pipeline.scene import Preparation, SceneJobs
from hcfres.store.store import Store
from hcfres.store.workspace import Workspace

_FILES = (".json", ".ply", ".pth")


@dataclass(frozen=True)
class Cut:
    """How scans that come without a partition are cut."""

    setting: str
    """Whose scenes are meant by names, and whose way of cutting them."""
    k_threshold: float
    """Of a mesh or cloud given as a file, as `min_vertices`."""
    min_vertices: int


def compare(one: str, other: str, cut: Cut, console: Console) -> Agreement:
    """Print how two partitions of the same vertices agree.

    Args:
        one: a `segs.json`, a mesh or cloud (PLY, cut now), a `_refer.pth`, or a scene's name.
        other: the same.
        cut: how what has no partition yet is cut.
        console: where the table goes.

    Raises:
        DataError: something is missing or broken, or the two are not of the same vertices.
    """
    first, second = read_partition(one, cut), read_partition(other, cut)
    if len(first) != len(second):
        reason = f"{len(second)} vertices, {one} has {len(first)}"
        raise DataError(other, reason, "Compare two partitions of the same mesh")
    found = compare_partitions(first, second)
    console.print(_table(found, Path(one).name, Path(other).name))
    for line in _summary(found):
        console.print(line, highlight=False)
    return found


def read_partition(named: str, cut: Cut) -> np.ndarray:
    """The segment of each vertex; the numbers themselves mean nothing.

    Raises:
        DataError: there is no such file or scene, or it is broken.
    """
    path = Path(named)
    if path.suffix not in _FILES:
        return setting_superpoints(load_setting(setting_file(cut.setting)), named).labels
    if path.suffix == ".json":
        return read_segments(path, None)
    if path.suffix == ".pth":
        return read_prior_scene(path).superpoints
    mesh = read_ply(path)
    if len(mesh.faces):
        return segment_mesh(mesh.vertices, mesh.faces, cut.k_threshold, cut.min_vertices)
    return segment_points(mesh.vertices, cut.k_threshold, cut.min_vertices)


def setting_superpoints(setting: SettingConfig, scene_id: str) -> Superpoints:
    """A scene's superpoints as a setting cuts them, from the store or made now.

    Raises:
        DataError: there is no such scene, or it is broken.
    """
    workspace = Workspace()
    dataset = Dataset(dataset_folder(setting, workspace))
    preparation = Preparation(Store(workspace.store), Machine(workspace.weights))
    method = load(method_file("mdin"), MethodConfig)
    found: Superpoints = SceneJobs(
        dataset, scene_id, setting, method, preparation
    ).superpoints.value()
    return found


def _table(found: Agreement, one: str, other: str) -> Table:
    table = Table("", title=f"{found.vertices} vertices", title_justify="left")
    for name in (one, other):
        table.add_column(name, justify="right", overflow="fold")
    rows = {
        "segments": lambda side: str(side.segments),
        "vertices of the smallest": lambda side: str(side.sizes[0]),
        "of the median": lambda side: f"{side.sizes[1]:g}",
        "of the largest": lambda side: str(side.sizes[2]),
        "purity in the other": lambda side: f"{side.purity:.5f}",
        "under-segmentation": lambda side: f"{side.under_segmentation:.5f}",
        "over-segmentation": lambda side: f"{_opposite(found, side).under_segmentation:.5f}",
    }
    for name, told in rows.items():
        table.add_row(name, told(found.one), told(found.other))
    return table


def _opposite(found: Agreement, side: Side) -> Side:
    return found.other if side is found.one else found.one


def _summary(found: Agreement) -> list[str]:
    same = "; they differ in nothing but numbers" if found.equal else ""
    return [
        f"adjusted Rand index {found.adjusted_rand:.7f}, {found.common} segments in common{same}",
        "purity: share of vertices in the part of their segment that one segment of the other "
        "holds; under-segmentation: how far segments run over several of the other's",
    ]
