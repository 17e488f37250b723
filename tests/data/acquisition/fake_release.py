"""A synthetic room as two scans, laid out as ScanNet's release is, with sentences about both."""

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from hcfres.data.annotations.annotations import write_multi3drefer, write_scanrefer
from hcfres.data.dataset import LABEL_TABLE
from hcfres.data.frames import read_frame
from hcfres.data.rooms.expressions import make_expressions, make_scanrefer
from hcfres.data.rooms.layout import make_room
from hcfres.data.rooms.room import Room
from hcfres.data.rooms.writer import FRAME_STEP, write_label_table, write_room
from hcfres.data.sens.recording import SensHeader, SensRecord, write_sens
from tests.data.acquisition.served import Page, Served

SCENES: dict[Literal["train", "val"], str] = {"train": "scene0001_00", "val": "scene0002_00"}
RECORDED = 25
"""Frames of a recording; the second of those that are extracted has no pose."""
SHOTS = 2
LOST = 10


def make_release(root: Path) -> Path:
    """Write the release and the archive of its sentences."""
    write_label_table(root / "v2" / "tasks" / LABEL_TABLE)
    sentences, frames = root / "sentences", root / "frames"
    room = make_room(1, SCENES["train"])
    write_room(room, root / "room", frames, SHOTS)
    for split, scene in SCENES.items():
        _copy_as(scene, root / "room", root / "v2" / "scans" / scene)
        (root / "v1" / "scans" / scene).mkdir(parents=True)
        write_recording(root / "v1" / "scans" / scene / f"{scene}.sens", frames)
        (root / f"scannetv2_{split}.txt").write_text(f"{scene}\n")
        _write_sentences(replace(room, scene_id=scene), split, sentences)
    shutil.rmtree(frames)
    shutil.rmtree(root / "room")
    with zipfile.ZipFile(root / "multi3drefer_train_val.zip", "w") as zipped:
        for path in sorted(sentences.glob("multi*")):
            zipped.write(path, f"multi3drefer_train_val/{path.name}")
    return root


def _copy_as(scene: str, room: Path, folder: Path) -> None:
    """The same room again under another scan's name: rooms take seconds to make."""
    folder.mkdir(parents=True)
    for path in room.iterdir():
        shutil.copy(path, folder / path.name.replace(SCENES["train"], scene))


def _write_sentences(room: Room, split: Literal["train", "val"], folder: Path) -> None:
    write_multi3drefer(folder / f"multi3drefer_{split}.json", make_expressions(room, 5, 0, split))
    write_scanrefer(folder / f"ScanRefer_filtered_{split}.json", make_scanrefer(room, 3, 0, split))


def write_recording(path: Path, frames: Path) -> None:
    """Write a `.sens` of RECORDED frames that show the SHOTS of a folder in turn."""
    matrices = [np.loadtxt(frames / "intrinsic" / f"intrinsic_{k}.txt") for k in ("color", "depth")]
    first = read_frame(frames, 0)
    header = SensHeader(
        sensor="StructureSensor",
        colour_intrinsics=matrices[0],
        colour_extrinsics=np.eye(4),
        depth_intrinsics=matrices[1],
        depth_extrinsics=np.eye(4),
        colour_kind="jpeg",
        depth_kind="zlib",
        colour_size=(first.colour.shape[0], first.colour.shape[1]),
        depth_size=(first.depth.shape[0], first.depth.shape[1]),
        depth_shift=1000.0,
    )
    write_sens(path, header, _records(frames))


def _records(frames: Path) -> Iterator[SensRecord]:
    depth = np.rint(read_frame(frames, 0).depth * 1000).astype("<u2")
    first = np.loadtxt(frames / "pose" / "0.txt")
    for number in range(RECORDED):
        pose = first.copy()
        pose[:3, 3] += 0.001 * number
        yield SensRecord(
            pose=np.full((4, 4), -np.inf) if number == LOST else pose,
            colour_time_us=number,
            depth_time_us=number,
            colour=(frames / "color" / f"{number % SHOTS * FRAME_STEP}.jpg").read_bytes(),
            depth=zlib.compress(depth.tobytes(), 1),
        )


def serve(server: Served, folder: Path, **manners: object) -> str:
    """Put every file of a folder on a server and give the address."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            page = Page(path.read_bytes(), etag=f'"{path.name}"', **manners)  # type: ignore[arg-type]
            server.pages[f"/{path.relative_to(folder)}"] = page
    return server.url
