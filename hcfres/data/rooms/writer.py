"""A room's scan and frames as files, in ScanNet's layout."""

from pathlib import Path

import numpy as np

from hcfres.data.frames import write_frame, write_intrinsics
from hcfres.data.labels import LabelRow, LabelTable, write_labels
from hcfres.data.rooms.camera_path import photograph
from hcfres.data.rooms.catalogue import KINDS, STRUCTURE
from hcfres.data.rooms.layout import scene_type, stream
from hcfres.data.rooms.mesh import labels_of
from hcfres.data.rooms.pose import room_to_world
from hcfres.data.rooms.raster import Camera
from hcfres.data.rooms.render import DEPTH_SIZE, Rendering, Stage, camera_at, intrinsics, set_stage
from hcfres.data.rooms.room import Room
from hcfres.data.rooms.scan import Scan, scan_room
from hcfres.data.scan_info import matrix_text
from hcfres.data.scannet import write_scene
from hcfres.data.scene import Frame, Scene, SceneObject
from hcfres.data.segmentation import split_by_instance
from hcfres.geometry.superpoints import segment_mesh

FRAME_STEP = 10
"""Frames are numbered 0, 10, 20 ..., like frames extracted from a longer recording."""
LOST_SHARE = 0.03
"""Share of the frames whose pose is invalid."""
JPEG_QUALITY = 90
K_THRESHOLD = 0.01
MIN_VERTICES = 20

_SCANNET_ID = {
    "wall": 1, "chair": 2, "floor": 3, "table": 4, "door": 5, "couch": 6, "cabinet": 7, "desk": 9,
    "bed": 11, "pillow": 13, "picture": 15, "window": 16, "bookshelf": 18, "monitor": 19,
    "curtain": 21, "box": 26, "refrigerator": 27, "lamp": 28, "nightstand": 34, "stool": 38,
    "plant": 40, "backpack": 48, "whiteboard": 52, "trash can": 56,
}  # fmt: skip
"""Column `id` of ScanNet's label table."""


def label_table() -> LabelTable:
    """Give the rows of ScanNet's label table that rooms use."""
    nyu40 = {label: kind.nyu40 for label, kind in KINDS.items()} | STRUCTURE
    rows = [LabelRow(number, name, name, nyu40[name]) for name, number in _SCANNET_ID.items()]
    return LabelTable(tuple(rows))


def write_label_table(path: Path) -> None:
    """Write the label table of rooms."""
    write_labels(path, label_table())


def make_scene(room: Room, scan: Scan) -> Scene:
    """Move a reconstructed room to its world and annotate it, as `read_scene` returns it."""
    pose, names, table = room_to_world(room), labels_of(room), label_table()
    vertices = (scan.vertices @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)
    labels = segment_mesh(vertices, scan.faces, K_THRESHOLD, MIN_VERTICES)
    nyu40 = np.array([table.nyu40(name) for name in names])
    return Scene(
        scene_id=room.scene_id,
        vertices=vertices,
        colours=scan.colours,
        faces=scan.faces.astype(np.int64),
        instances=scan.instances.astype(np.int64),
        semantics=nyu40[scan.instances],
        segments=split_by_instance(labels, scan.instances.astype(np.int64)),
        objects=tuple(SceneObject(i, name, int(nyu40[i])) for i, name in enumerate(names)),
    )


def _info(room: Room, colour: Camera, frames: int) -> dict[str, str]:
    """Give the keys of `<scene>.txt`."""
    depth = colour.scaled(*DEPTH_SIZE)
    entries = {
        "axisAlignment": matrix_text(np.linalg.inv(room_to_world(room))),
        "numColorFrames": str(frames),
        "numDepthFrames": str(frames),
        "numIMUmeasurements": "0",
        "sceneType": scene_type(room.seed),
    }
    for name, camera in (("color", colour), ("depth", depth)):
        entries |= {
            f"{name}Width": str(camera.width),
            f"{name}Height": str(camera.height),
            f"fx_{name}": f"{camera.focal[0]:f}",
            f"fy_{name}": f"{camera.focal[1]:f}",
            f"mx_{name}": f"{camera.centre[0]:f}",
            f"my_{name}": f"{camera.centre[1]:f}",
        }
    return entries


def as_frame(room: Room, shot: Rendering, lost: bool) -> Frame:
    """Give the frame as `read_frame` would; a lost one has a pose of -inf."""
    pose = room_to_world(room) @ shot.camera.camera_to_room
    return Frame(
        index=shot.index * FRAME_STEP,
        colour=shot.colour,
        depth=shot.depth.astype(np.float32),
        intrinsics=intrinsics(shot.camera.scaled(*DEPTH_SIZE)),
        camera_to_world=np.full((4, 4), -np.inf) if lost else pose,
    )


def write_frames(folder: Path, stage: Stage, count: int) -> None:
    """Write the frames of a room in SensReader's layout, a few with invalid poses."""
    shots = photograph(stage, count)
    lost = stream(stage.room.seed, "lost").random(len(shots)) < LOST_SHARE
    lost[0] = False
    camera = shots[0].camera
    write_intrinsics(folder, intrinsics(camera), intrinsics(camera.scaled(*DEPTH_SIZE)))
    for shot, gone in zip(shots, lost, strict=True):
        write_frame(folder, as_frame(stage.room, shot, bool(gone)), JPEG_QUALITY)


def write_room(room: Room, scans: Path, frames: Path, count: int) -> None:
    """Write a room's scan into the folder `scans` and `count` frames into the folder `frames`."""
    stage = set_stage(room)
    scene = make_scene(room, scan_room(stage))
    write_scene(scans, scene, _info(room, camera_at(np.eye(4)), count))
    write_frames(frames, stage, count)
