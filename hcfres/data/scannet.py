"""A scan in ScanNet's own files, read and written."""

import re
from pathlib import Path

import numpy as np

from hcfres.data.aggregation import groups_of, instances_of, read_aggregation, write_aggregation
from hcfres.data.errors import DataError
from hcfres.data.labels import LabelTable, label_colours
from hcfres.data.ply import Mesh, read_ply, write_ply
from hcfres.data.scan_info import write_scan_info
from hcfres.data.scene import NO_OBJECT, Scene, SceneObject
from hcfres.data.segmentation import read_segments, write_segments

MESH = "_vh_clean_2.ply"
LABELS = "_vh_clean_2.labels.ply"
SEGMENTS = "_vh_clean_2.0.010000.segs.json"
OBJECTS = ".aggregation.json"
INFO = ".txt"
SCENE_ID = re.compile(r"scene(\d{4})_(\d{2})")
"""A scan's name: its space, and which scan of it."""


def read_scene(
    folder: Path, scene_id: str, labels: LabelTable, way_out: str = "", annotated: bool = False
) -> Scene:
    """Read the decimated mesh of a scan and, where there is one, its annotation.

    Instances come from segs.json and aggregation.json (object ids as Multi3DRefer uses them),
    semantics from labels.ply or, where that was not downloaded, from the objects' labels. Values
    that are no nyu40 id become 0. A test scan, which has no annotation, is a scene without objects;
    with `annotated` such a scan is refused.

    Raises:
        DataError: a file is missing or broken, or the files do not belong together.
    """
    mesh = read_ply(folder / f"{scene_id}{MESH}", way_out)
    if mesh.colours is None:
        raise DataError(folder / f"{scene_id}{MESH}", "the mesh has no colours", way_out)
    count = len(mesh.vertices)
    segments_file, objects_file = folder / f"{scene_id}{SEGMENTS}", folder / f"{scene_id}{OBJECTS}"
    annotated = annotated or objects_file.exists()
    segments = None
    if annotated or segments_file.exists():
        segments = read_segments(segments_file, count, way_out)
    instances = np.full(count, NO_OBJECT, dtype=np.int64)
    objects: tuple[SceneObject, ...] = ()
    if annotated and segments is not None:
        groups = read_aggregation(objects_file, way_out)
        instances = instances_of(groups, segments, objects_file)
        objects = tuple(SceneObject(g.object_id, g.label, labels.nyu40(g.label)) for g in groups)
    semantics = _semantics(folder / f"{scene_id}{LABELS}", instances, objects)
    vertices = mesh.vertices.astype(np.float32)
    return Scene(
        scene_id, vertices, mesh.colours, mesh.faces, instances, semantics, segments, objects
    )


def write_scene(folder: Path, scene: Scene, info: dict[str, str]) -> None:
    """Write a scan as ScanNet releases it: mesh, labelled mesh, segments, objects, `.txt`.

    The annotation of the release is made of segments, so `scene.segments` must not lie across
    objects (`segmentation.split_by_instance`). `info` holds the `.txt` file's keys and values.

    Raises:
        DataError: a segment lies across objects, or there are no segments.
    """
    if scene.segments is None:
        raise DataError(folder, f"{scene.scene_id} has no segments to write objects with")
    names = {item.object_id: item.label for item in scene.objects}
    groups = groups_of(names, scene.segments, scene.instances)
    stem = str(folder / scene.scene_id)
    palette = label_colours(scene.semantics)
    write_ply(Path(stem + MESH), Mesh(scene.vertices, scene.colours, scene.faces))
    write_ply(
        Path(stem + LABELS), Mesh(scene.vertices, palette, scene.faces, labels=scene.semantics)
    )
    write_segments(Path(stem + SEGMENTS), scene.scene_id, scene.segments)
    write_aggregation(Path(stem + OBJECTS), scene.scene_id, groups)
    write_scan_info(Path(stem + INFO), info)


def scene_files(folder: Path, scene_id: str) -> tuple[Path, ...]:
    """Name the files that decide what `read_scene` returns: the mesh, and what exists beside it."""
    mesh, *others = (folder / f"{scene_id}{end}" for end in (MESH, LABELS, SEGMENTS, OBJECTS))
    return (mesh, *(path for path in others if path.exists()))


def _semantics(path: Path, instances: np.ndarray, objects: tuple[SceneObject, ...]) -> np.ndarray:
    """nyu40 of each vertex."""
    if not path.exists():
        class_of = {item.object_id: item.nyu40 for item in objects} | {NO_OBJECT: 0}
        ids, inverse = np.unique(instances, return_inverse=True)
        return np.array([class_of[int(i)] for i in ids], dtype=np.int64)[inverse.reshape(-1)]
    found = read_ply(path).labels
    if found is None or len(found) != len(instances):
        said = "no property `label`" if found is None else f"{len(found)} vertices"
        raise DataError(path, f"{said}; its mesh has {len(instances)} vertices")
    return np.where((found >= 0) & (found <= 40), found, 0)
