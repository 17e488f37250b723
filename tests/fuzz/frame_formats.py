"""Poses, trajectories, cameras, folders of frames, and recordings."""

import json
import struct
from functools import partial
from pathlib import Path
from random import Random

import numpy as np

from hcfres.data.errors import DataError
from hcfres.data.frames import (
    read_frame,
    survey_frames,
    write_frame,
    write_intrinsics,
)
from hcfres.data.poses import read_matrix, write_matrix
from hcfres.data.scene import Frame
from hcfres.data.sens.extract import extract_frames
from hcfres.data.sens.recording import open_sens
from hcfres.data.sens.survey import verify_frames
from hcfres.data.trajectory import read_camera, read_trajectory, write_trajectory
from tests.data.small_sens import every_reading, small_sens
from tests.fuzz.child import OUT
from tests.fuzz.folders import folder_seed
from tests.fuzz.format import Format, Misread, Seed, one_file, require
from tests.fuzz.image_formats import colours, depths, picture
from tests.fuzz.scannet_formats import written

K = np.array([[30.0, 0, 15.5], [0, 30.0, 11.5], [0, 0, 1]])


def turned(angle: float) -> np.ndarray:
    """A pose, turned about the z axis."""
    pose = np.eye(4)
    pose[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    pose[:3, 3] = angle, 1, -2
    return pose


def _poses() -> tuple[Seed, ...]:
    return one_file(
        "10.txt",
        pose=written(write_matrix, turned(0.3)),
        lost=written(write_matrix, np.full((4, 4), -np.inf)),
    )


def _check_pose(path: Path) -> None:
    found = read_matrix(path)
    numbers = [float(word) for word in path.read_bytes().decode("utf-8-sig").split()]
    require(np.array_equal(found.ravel(), numbers, equal_nan=True), "numbers differ")


def _trajectories() -> tuple[Seed, ...]:
    poses = {n: turned(n / 10) for n in (0, 10, 20, 200)}
    return one_file("trajectory.log", poses=written(write_trajectory, poses))


def _check_trajectory(path: Path) -> None:
    found = read_trajectory(path)
    lines = [line.split() for line in path.read_bytes().decode("utf-8-sig").split("\n")]
    lines = [words for words in lines if words]
    require([int(words[0]) for words in lines[::5]] == list(found), "frame numbers differ")
    for start, pose in zip(range(0, len(lines), 5), found.values(), strict=True):
        told = [float(word) for words in lines[start + 1 : start + 5] for word in words]
        require(np.array_equal(pose.ravel(), told, equal_nan=True), "a pose differs")


def _camera() -> tuple[Seed, ...]:
    camera = {"width": 640, "height": 480}
    camera |= {"intrinsic_matrix": [525.0, 0, 0, 0, 525.0, 0, 319.5, 239.5, 1]}
    return one_file("camera.json", camera=json.dumps(camera, indent=1).encode())


def _check_camera(path: Path) -> None:
    matrix, size = read_camera(path)
    told = json.loads(path.read_bytes())
    require(matrix.T.ravel().tolist() == list(map(float, told["intrinsic_matrix"])), "K differs")
    require(size == (float(told["height"]), float(told["width"])), "size differs")
    require(np.isfinite(matrix).all(), "K is not finite")


def _frame(index: int) -> Frame:
    metres = depths().astype(np.float32) * np.float32(0.001)
    return Frame(index, colours(), metres, K, turned(0.1 * index))


def _sensreader(folder: Path) -> None:
    for index in (0, 10):
        write_frame(folder / "frames", _frame(index))
    write_intrinsics(folder / "frames", K * 2, K)


def _apart(folder: Path) -> None:
    """Cameras beside each other: the colour has to be registered."""
    _sensreader(folder)
    between = np.eye(4)
    between[0, 3] = 0.06
    write_matrix(folder / "frames/intrinsic/extrinsic_depth.txt", between)


def _sens_tool(folder: Path) -> None:
    frames = folder / "frames"
    frames.mkdir()
    for index in range(2):
        stem = f"frame-{index:06d}"
        (frames / f"{stem}.color.jpg").write_bytes(picture(colours(), "JPEG"))
        (frames / f"{stem}.depth.pgm").write_bytes(
            b"P5\n32 24\n65535\n" + depths().astype(">u2").tobytes()
        )
        write_matrix(frames / f"{stem}.pose.txt", turned(index))
    wide = np.eye(4)
    wide[:3, :3] = K
    lines = ["m_versionNumber = 4", "m_sensorName = StructureSensor", "m_depthShift = 1000"]
    for name, matrix in (
        ("ColorIntrinsic", np.diag([2, 2, 1, 1]) @ wide), ("ColorExtrinsic", np.eye(4)),
        ("DepthIntrinsic", wide), ("DepthExtrinsic", np.eye(4)),
    ):  # fmt: skip
        said = " ".join(f"{value:g}" for value in matrix.ravel())
        lines.append(f"m_calibration{name} = {said}")
    (frames / "_info.txt").write_text("\n".join(lines) + "\n")


def _posed_images(folder: Path) -> None:
    frames = folder / "frames"
    frames.mkdir()
    for index in range(2):
        (frames / f"{index:05d}.jpg").write_bytes(picture(colours(), "JPEG"))
        (frames / f"{index:05d}.png").write_bytes(picture(depths(), "PNG"))
        write_matrix(frames / f"{index:05d}.txt", turned(index))
    wide = np.eye(4)
    wide[:3, :3] = K * 2
    wide[2, 2] = 1
    write_matrix(frames / "intrinsic.txt", wide)


def _frame_folders() -> tuple[Seed, ...]:
    intrinsic = "frames/intrinsic"
    return (
        *(
            folder_seed(f"sensreader-{number}", _sensreader, target)
            for number, target in enumerate(
                (f"{intrinsic}/intrinsic_depth.txt", f"{intrinsic}/intrinsic_color.txt",
                 f"{intrinsic}/extrinsic_depth.txt", "frames/pose/10.txt")
            )
        ),
        folder_seed("apart", _apart, f"{intrinsic}/extrinsic_depth.txt"),
        folder_seed("tool", _sens_tool, "frames/_info.txt"),
        folder_seed("posed", _posed_images, "frames/intrinsic.txt"),
    )  # fmt: skip


def _check_frames(path: Path) -> None:
    folder = next(parent for parent in path.parents if parent.name == "frames")
    listing = survey_frames(folder)
    require(listing.usable or listing.invalid, "no frames")
    for index in listing.usable:
        frame = read_frame(folder, index)
        require(np.isfinite(frame.camera_to_world).all(), "the pose is not finite")
        require(np.isfinite(frame.intrinsics).all() and frame.intrinsics[0, 0] > 0, "K")
        require(frame.colour.dtype == np.uint8 and np.isfinite(frame.depth).all(), "images")


def _recordings() -> tuple[Seed, ...]:
    def make(folder: Path, colour: str, depth: str) -> None:
        small_sens(folder / "scene0000_00.sens", colour=colour, depth=depth)

    kinds = (("jpeg", "zlib"), ("png", "zlib"), ("raw", "raw"))
    return tuple(
        folder_seed(f"{colour}-{depth}", partial(make, colour=colour, depth=depth), "*.sens")
        for colour, depth in kinds
    )


def _check_recording(path: Path) -> None:
    content = path.read_bytes()
    with open_sens(path) as sens:
        start = int(sens.index.offsets[0])
        for number in range(len(sens)):
            head = struct.unpack_from("<16f4Q", content, start)
            record = sens.record(number)
            told = np.array(head[:16]).reshape(4, 4)
            require(np.array_equal(record.pose, told, equal_nan=True), f"pose {number} differs")
            split = start + 96 + head[18]
            require((record.colour or b"") == content[start + 96 : split], "colour differs")
            require((record.depth or b"") == content[split : split + head[19]], "depth differs")
            start = split + head[19]
        for _ in every_reading(sens):
            pass
        for number in range(len(sens)):
            _check_images(sens.colour(number), sens.depth_m(number), sens)


def _check_images(colour: np.ndarray | None, depth: np.ndarray | None, sens: object) -> None:
    header = sens.header
    require(colour is None or colour.shape == (*header.colour_size, 3), "size of colour")
    require(depth is None or depth.shape == header.depth_size, "size of depth")
    require(depth is None or (np.isfinite(depth).all() and (depth >= 0).all()), "metres")


def edit_sens(content: bytes, rng: Random) -> bytes:
    """A field of the header, or a length before a frame, for another."""
    if len(content) < 12:
        return content
    length = int.from_bytes(content[4:12], "little")
    fields = [(0, 4), (4, 8), *((12 + length + 256 + 4 * n, 4) for n in range(7))]
    fields += [(12 + length + 284, 8)]
    start = 12 + length + 292
    for _ in range(4):
        fields += [(start + 64 + 8 * n, 8) for n in range(4)]
        sizes = content[start + 80 : start + 96]
        start += 96 + sum(int.from_bytes(sizes[k : k + 8], "little") for k in (0, 8))
    fields = [(at, size) for at, size in fields if at + size <= len(content)]
    at, size = rng.choice(fields)
    now = int.from_bytes(content[at : at + size], "little")
    others = (0, 1, 2, 3, now + 1, now - 1, now * 2, 2**31, 2**32 - 1, 2**63, 2**64 - 1, 4096)
    value = rng.choice(others) % (1 << 8 * size)
    return content[:at] + value.to_bytes(size, "little") + content[at + size :]


def _extract(path: Path) -> None:
    out = path.parent / OUT
    try:
        survey = extract_frames(path, out, every=2)
    except DataError:
        for file in out.rglob("*"):
            require(".partial" not in file.name, f"half-written: {file.name}")
        if (out / "extraction.json").exists():
            raise Misread("refused, and yet it is said to be whole") from None
        raise
    found = verify_frames(out)
    require(not found, f"what was extracted is not whole: {found}")
    require(survey_frames(out).usable or survey.lost, "nothing was extracted")


FORMATS = (
    Format("pose", _poses, _check_pose, "text"),
    Format("trajectory", _trajectories, _check_trajectory, "text"),
    Format("camera", _camera, _check_camera, "json"),
    Format("frames", _frame_folders, _check_frames, "text", memory_mib=64),
    Format("sens", _recordings, _check_recording, "binary", memory_mib=256, edits=(edit_sens,)),
    Format(
        "sens-extraction", _recordings, _extract, "binary", memory_mib=256, edits=(edit_sens,),
        writes=True,
    ),
)  # fmt: skip
