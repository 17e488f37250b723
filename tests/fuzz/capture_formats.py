"""Recordings of one's own: TUM, 7-Scenes, Redwood, Record3D, Polycam, and LZFSE streams."""

import io
import json
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from hcfres.data.captures.capture import Told
from hcfres.data.captures.layouts import open_capture
from hcfres.data.captures.lzfse import expand
from hcfres.data.poses import write_matrix
from hcfres.data.sens.recording import open_sens, write_sens
from hcfres.data.sens.survey import read_extraction, verify_frames
from hcfres.data.trajectory import write_trajectory
from tests.data.small_sens import small_header, small_sens
from tests.fuzz.folders import folder_seed
from tests.fuzz.format import Format, Seed, one_file, require
from tests.fuzz.frame_formats import turned
from tests.fuzz.image_formats import colours, depths, edit_jpeg, picture
from tests.fuzz.other_formats import edit_zip

HEIGHT, WIDTH = 24, 32
FRAMES = 3


def _camera_file(path: Path) -> None:
    camera = {"width": WIDTH, "height": HEIGHT}
    camera |= {"intrinsic_matrix": [30.0, 0, 0, 0, 30.0, 0, 15.5, 11.5, 1]}
    path.write_text(json.dumps(camera))


def _tum(folder: Path) -> None:
    colour, depth, poses = ["# colour"], ["# depth"], ["# time tx ty tz qx qy qz qw"]
    for name in ("rgb", "depth"):
        (folder / name).mkdir()
    for n in range(FRAMES):
        time = 1305031102.1 + n / 10
        (folder / f"rgb/{n}.png").write_bytes(picture(colours(HEIGHT, WIDTH), "PNG"))
        (folder / f"depth/{n}.png").write_bytes(picture(depths(), "PNG"))
        colour.append(f"{time + 0.01:.6f} rgb/{n}.png")
        depth.append(f"{time:.6f} depth/{n}.png")
        poses += [f"{time + k / 20:.4f} {n} 0.5 1 0 0 0.6 0.8" for k in range(-1, 2)]
    for name, lines in (("rgb", colour), ("depth", depth), ("groundtruth", poses)):
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    _camera_file(folder / "given.json")


def _seven_scenes(folder: Path) -> None:
    for n in range(FRAMES):
        stem = folder / f"frame-{n:06d}"
        stem.with_suffix(".color.png").write_bytes(picture(colours(HEIGHT, WIDTH), "PNG"))
        stem.with_suffix(".depth.png").write_bytes(picture(depths(), "PNG"))
        write_matrix(stem.with_suffix(".pose.txt"), turned(n / 5))
    _camera_file(folder / "given.json")


def _redwood(folder: Path) -> None:
    for name in ("color", "depth"):
        (folder / name).mkdir()
    for n in range(FRAMES):
        (folder / f"color/{10 * n:05d}.jpg").write_bytes(picture(colours(HEIGHT, WIDTH), "JPEG"))
        (folder / f"depth/{10 * n:05d}.png").write_bytes(picture(depths(), "PNG"))
    write_trajectory(folder / "trajectory.log", {10 * n: turned(n / 5) for n in range(FRAMES)})
    _camera_file(folder / "camera.json")


def _record3d_metadata() -> bytes:
    poses = [[0, 0, 0.6, 0.8, n, 0.5, 1] for n in range(FRAMES)]
    said = {"w": 2 * WIDTH, "h": 2 * HEIGHT, "dw": WIDTH, "dh": HEIGHT, "fps": 30, "poses": poses}
    said |= {"K": [60, 0, 0, 0, 60, 0, 31.5, 23.5, 1]}
    said |= {"perFrameIntrinsicCoeffs": [[60, 60, 31.5, 23.5]] * FRAMES}
    return json.dumps(said).encode()


def _stored(content: bytes) -> bytes:
    return b"bvx-" + len(content).to_bytes(4, "little") + content + b"bvx$"


def _metres() -> bytes:
    return (depths().astype("<f4") / 1000).tobytes()


def _record3d(folder: Path) -> None:
    (folder / "rgbd").mkdir()
    (folder / "metadata").write_bytes(_record3d_metadata())
    for n in range(FRAMES):
        (folder / f"rgbd/{n}.jpg").write_bytes(picture(colours(), "JPEG"))
        (folder / f"rgbd/{n}.depth").write_bytes(_stored(_metres()))


def _record3d_archive(folder: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata", _record3d_metadata())
        for n in range(FRAMES):
            archive.writestr(f"rgbd/{n}.jpg", picture(colours(), "JPEG"))
            archive.writestr(f"rgbd/{n}.depth", _stored(_metres()))
    (folder / "scan.r3d").write_bytes(packed.getvalue())


def _polycam(folder: Path) -> None:
    for name in ("images", "depth", "cameras"):
        (folder / "keyframes" / name).mkdir(parents=True)
    for n in range(FRAMES):
        camera = {"width": 2 * WIDTH, "height": 2 * HEIGHT, "fx": 60, "fy": 60, "cx": 31.5}
        camera |= {"cy": 23.5, "timestamp": n, "blur_score": 12.5}
        camera |= {f"t_{i}{j}": turned(n / 5)[i, j] for i in range(3) for j in range(4)}
        (folder / f"keyframes/cameras/{n}.json").write_text(json.dumps(camera))
        (folder / f"keyframes/images/{n}.jpg").write_bytes(picture(colours(), "JPEG"))
        (folder / f"keyframes/depth/{n}.png").write_bytes(picture(depths(), "PNG"))


def _text_captures() -> tuple[Seed, ...]:
    return (
        *(folder_seed(f"tum-{name}", _tum, f"{name}.txt") for name in _TUM_FILES),
        folder_seed("7scenes", _seven_scenes, "frame-000001.pose.txt"),
        folder_seed("redwood", _redwood, "trajectory.log"),
    )


_TUM_FILES = ("rgb", "depth", "groundtruth")


def _json_captures() -> tuple[Seed, ...]:
    return (
        folder_seed("record3d", _record3d, "metadata"),
        folder_seed("polycam", _polycam, "keyframes/cameras/1.json"),
        folder_seed("redwood-camera", _redwood, "camera.json"),
    )


def _packed_captures() -> tuple[Seed, ...]:
    return (
        folder_seed("record3d-archive", _record3d_archive, "scan.r3d"),
        folder_seed("record3d-depth", _record3d, "rgbd/1.depth"),
        folder_seed("record3d-colour", _record3d, "rgbd/1.jpg"),
        folder_seed("sens", lambda folder: small_sens(folder / "scan.sens"), "scan.sens"),
        folder_seed("sens-apart", _sens_apart, "scan.sens"),
    )


def _sens_apart(folder: Path) -> None:
    """Two cameras beside each other: the colour has to be registered."""
    between = np.eye(4)
    between[0, 3] = 0.06
    header = replace(small_header(), depth_extrinsics=between)
    with open_sens(small_sens(folder / "whole.sens")) as sens:
        records = [sens.record(n) for n in range(len(sens))]
    (folder / "whole.sens").unlink()
    write_sens(folder / "scan.sens", header, records)


def _check_capture(path: Path) -> None:
    root, layout = _root(path)
    given = root.parent / "given.json" if root.is_file() else root / "given.json"
    capture = open_capture(root, Told(intrinsics=given if given.exists() else None), layout)
    require(capture.usable() or not capture.poses or capture.images.indices(), "nothing is there")
    for index in capture.usable():
        frame = capture.frame(index, capture.poses[index])
        require(np.isfinite(frame.camera_to_world).all(), "the pose is not finite")
        require(np.isfinite(frame.depth).all() and (frame.depth >= 0).all(), "the depth")
        require(frame.depth.ndim == 2 and frame.colour.dtype == np.uint8, "the images")
        require(np.isfinite(frame.intrinsics).all() and frame.intrinsics[0, 0] > 0, "K")
        turn = frame.camera_to_world[:3, :3]
        require(np.allclose(turn @ turn.T, np.eye(3), atol=0.05), "the pose is not rigid")


def _root(path: Path) -> tuple[Path, str]:
    """What is opened, and as which layout, from the name of the example."""
    for parent in path.parents:
        for start, layout in _LAYOUTS.items():
            if parent.name.startswith(start):
                return (path if path.suffix in (".r3d", ".sens") else parent), layout
    raise ValueError(path)


_LAYOUTS = {
    "tum": "tum",
    "7scenes": "7scenes",
    "redwood": "redwood",
    "record3d": "record3d",
    "polycam": "polycam",
    "sens": "sens",
}


def _streams() -> tuple[Seed, ...]:
    size = HEIGHT * WIDTH * 4
    near = packed_block(literal=0, run=8, repeat=4, distance=1, size=size)
    bits = np.random.default_rng(0).bytes(48)
    far = packed_block(literal=7, run=15, repeat=1, distance=8, size=size, distances=bits)
    return one_file("1.depth", stored=_stored(_metres()), near=near, far=far)


def packed_block(
    literal: int, run: int, repeat: int, distance: int, size: int, distances: bytes = b""
) -> bytes:
    """An LZFSE stream of one compressed block in which every symbol of a kind is the same.

    A code of one symbol takes no bits: what is left are the bits of the distances themselves.
    """
    matches = size // (run + repeat)
    frequencies = ((20, run, 64), (20, repeat, 64), (64, distance, 256), (256, literal, 1024))
    bits, width = 0, 0
    for symbols, chosen, count in frequencies:
        for symbol in range(symbols):
            if symbol == chosen:
                bits |= (15 | (count - 24) << 4) << width
            width += 14 if symbol == chosen else 2
    table = bits.to_bytes((width + 7) // 8, "little")
    head = 32 + len(table)
    first = (matches * run) | (matches << 40) | (7 << 60)
    second = (len(distances) << 40) | (7 << 60)
    packed = struct.pack("<4sI3Q", b"bvx2", size, first, second, head)
    return packed + table + distances + b"bvx$"


def _check_stream(path: Path) -> None:
    wanted = HEIGHT * WIDTH * 4
    require(len(expand(str(path), path.read_bytes(), wanted)) == wanted, "another length")


def _extractions() -> tuple[Seed, ...]:
    def make(folder: Path) -> None:
        from hcfres.data.sens.extract import extract_frames  # noqa: PLC0415

        small_sens(folder / "a.sens")
        extract_frames(folder / "a.sens", folder, every=1)

    return (folder_seed("extraction", make, "extraction.json"),)


def _check_extraction(path: Path) -> None:
    found = read_extraction(path.parent)
    require(found.every >= 1, "every")
    require(isinstance(verify_frames(path.parent), tuple), "findings")


FORMATS = (
    Format("captures-text", _text_captures, _check_capture, "text", memory_mib=128),
    Format("captures-json", _json_captures, _check_capture, "json", memory_mib=128),
    Format(
        "captures-binary", _packed_captures, _check_capture, "binary", memory_mib=256,
        edits=(edit_zip, edit_jpeg),
    ),
    Format("lzfse", _streams, _check_stream, "binary", memory_mib=64),
    Format("extraction", _extractions, _check_extraction, "json"),
)  # fmt: skip
