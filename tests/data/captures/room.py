"""A small room with known depth, as recordings in every layout."""

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from hcfres.data.ply import Mesh, write_ply

WIDTH, HEIGHT = 64, 48
K = np.array([[60.0, 0, 31.5], [0, 60.0, 23.5], [0, 0, 1]])
LOW, HIGH = np.array([-2.0, -1.5, 0.0]), np.array([2.0, 1.5, 2.5])
"""The corners of the room: z is up, the walls are four colours."""
COLOURS = np.array(
    [[200, 60, 60], [60, 200, 60], [60, 60, 200], [200, 200, 60], [90] * 3, [250] * 3]
)
FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def look(x: float, y: float, heading: float, pitch: float = 0.35) -> np.ndarray:
    """A camera at height 1.4, upright, looking along `heading` and down by `pitch`."""
    forward = np.array(
        [np.cos(heading) * np.cos(pitch), np.sin(heading) * np.cos(pitch), -np.sin(pitch)]
    )
    right = np.array([np.sin(heading), -np.cos(heading), 0.0])
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2] = right, np.cross(forward, right), forward
    pose[:3, 3] = (x, y, 1.4)
    return pose


def view(
    pose: np.ndarray, size: tuple[int, int] = (HEIGHT, WIDTH)
) -> tuple[np.ndarray, np.ndarray]:
    """Depth along z in metres, and colours, worked out from the rays."""
    v, u = np.mgrid[: size[0], : size[1]] * (HEIGHT / size[0])
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones(size)], axis=-1)
    rays = rays @ pose[:3, :3].T
    with np.errstate(divide="ignore"):
        away = np.where(rays > 0, (HIGH - pose[:3, 3]) / rays, (LOW - pose[:3, 3]) / rays)
    axis = away.argmin(axis=-1)
    side = 2 * axis + (np.take_along_axis(rays, axis[..., None], -1)[..., 0] > 0)
    return away.min(axis=-1), COLOURS[side].astype(np.uint8)


@dataclass(frozen=True)
class Shot:
    pose: np.ndarray
    depth: np.ndarray
    colour: np.ndarray


def tour(count: int = 8) -> tuple[Shot, ...]:
    """Cameras that walk a circle beside the middle of the room and look across it."""
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    poses = [look(0.4 + 0.6 * np.cos(a), 0.2 + 0.5 * np.sin(a), a + 2.2) for a in angles]
    return tuple(Shot(pose, *view(pose)) for pose in poses)


SHOTS = tour()


def cloud(spacing: float = 0.04) -> Mesh:
    """Points on the six sides."""
    parts, colours = [], []
    for axis in range(3):
        others = [n for n in range(3) if n != axis]
        lines = [np.arange(LOW[n], HIGH[n] + spacing / 2, spacing) for n in others]
        grid = np.stack(np.meshgrid(*lines, indexing="ij"), -1).reshape(-1, 2)
        for side, place in enumerate((LOW[axis], HIGH[axis])):
            points = np.empty((len(grid), 3))
            points[:, others], points[:, axis] = grid, place
            parts.append(points)
            colours.append(np.tile(COLOURS[2 * axis + side], (len(grid), 1)))
    vertices = np.concatenate(parts).astype(np.float32)
    return Mesh(vertices, np.concatenate(colours).astype(np.uint8), np.zeros((0, 3), np.int64))


def depth_png(depth: np.ndarray, counts: float = 1000) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.rint(depth * counts).astype(np.uint16)).save(stream, "PNG")
    return stream.getvalue()


def colour_file(colour: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(colour).save(stream, kind)
    return stream.getvalue()


def camera_json(path: Path, k: np.ndarray = K, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Path:
    matrix = k.T.reshape(-1).tolist()
    path.write_text(json.dumps({"width": size[1], "height": size[0], "intrinsic_matrix": matrix}))
    return path


def put(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def rows(pose: np.ndarray) -> str:
    return "".join(" ".join(f"{value:.9f}" for value in row) + "\n" for row in pose)


def with_cloud(folder: Path, name: str = "cloud.ply") -> Path:
    write_ply(folder / name, cloud())
    return folder


def scannet(folder: Path) -> Path:
    k4 = np.eye(4)
    k4[:3, :3] = K
    for n, shot in enumerate(SHOTS):
        put(folder / "color" / f"{10 * n}.jpg", colour_file(shot.colour, "JPEG"))
        put(folder / "depth" / f"{10 * n}.png", depth_png(shot.depth))
        put(folder / "pose" / f"{10 * n}.txt", rows(shot.pose))
    put(folder / "intrinsic" / "intrinsic_depth.txt", rows(k4))
    return folder


def redwood(folder: Path, numbers: tuple[int, ...] | None = None) -> Path:
    numbers = numbers or tuple(range(len(SHOTS)))
    text = ""
    for n, shot in enumerate(SHOTS):
        put(folder / "image" / f"{numbers[n]:06d}.jpg", colour_file(shot.colour, "JPEG"))
        put(folder / "depth" / f"{numbers[n]:06d}.png", depth_png(shot.depth))
        text += f"{n} {n} {n + 1}\n{rows(shot.pose)}"
    put(folder / "scene" / "trajectory.log", text)
    camera_json(folder / "camera.json")
    return folder


def seven_scenes(folder: Path) -> Path:
    for n, shot in enumerate(SHOTS):
        depth = shot.depth.copy()
        depth[0, 0] = 65.535
        put(folder / f"frame-{n:06d}.color.png", colour_file(shot.colour))
        put(folder / f"frame-{n:06d}.depth.png", depth_png(depth))
        put(folder / f"frame-{n:06d}.pose.txt", rows(shot.pose).replace(" ", "\t "))
    return folder


def tum(folder: Path) -> Path:
    """Colour 8 ms after depth, poses 5 ms before and after it, none for the last frame."""
    lists = {"rgb": "# colour\n", "depth": "# depth\n"}
    for n, shot in enumerate(SHOTS):
        for kind, content, late in (
            ("rgb", colour_file(shot.colour), 0.008),
            ("depth", depth_png(shot.depth, 5000), 0.0),
        ):
            time = 1000 + n + late
            put(folder / kind / f"{time:.6f}.png", content)
            lists[kind] += f"{time:.6f} {kind}/{time:.6f}.png\n"
    lists["rgb"] += "1900.0 rgb/nothing.png\n"
    put(folder / "rgb.txt", lists["rgb"])
    put(folder / "depth.txt", lists["depth"])
    text = "# ground truth\n# timestamp tx ty tz qx qy qz qw\n"
    for n, shot in enumerate(SHOTS[:-1]):
        numbers = (*shot.pose[:3, 3], *Rotation.from_matrix(shot.pose[:3, :3]).as_quat())
        for late in (-0.005, 0.005):
            text += f"{1000 + n + late:.4f} " + " ".join(f"{v:.9f}" for v in numbers) + "\n"
    put(folder / "groundtruth.txt", text)
    return folder


def polycam(folder: Path, corrected: bool = True) -> Path:
    """World y up; the colour images are twice the depth images' size."""
    y_up = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    kind = "corrected_" if corrected else ""
    for n, shot in enumerate(SHOTS):
        name = str(262195552056 + 400000 * n)
        pose = y_up @ shot.pose @ FLIP
        camera = {f"t_{i}{j}": pose[i, j] for i in range(3) for j in range(4)}
        camera |= {"fx": 120.0, "fy": 120.0, "cx": 63.5, "cy": 47.5, "width": 128, "height": 96}
        camera |= {"blur_score": 100.0, "timestamp": int(name)}
        big = shot.colour.repeat(2, 0).repeat(2, 1)
        keyframes = folder / "keyframes"
        put(keyframes / f"{kind}cameras" / f"{name}.json", json.dumps(camera))
        put(keyframes / f"{kind}images" / f"{name}.jpg", colour_file(big, "JPEG"))
        put(keyframes / "depth" / f"{name}.png", depth_png(shot.depth))
    return folder


def record3d(folder: Path, per_frame: bool = False) -> Path:
    """The world is the first camera's frame, in OpenGL's axes; depth is stored uncompressed."""
    world = np.linalg.inv(SHOTS[0].pose @ FLIP)
    poses = []
    for n, shot in enumerate(SHOTS):
        pose = world @ shot.pose @ FLIP
        poses.append([*Rotation.from_matrix(pose[:3, :3]).as_quat(), *pose[:3, 3]])
        big = shot.colour.repeat(2, 0).repeat(2, 1)
        put(folder / "rgbd" / f"{n}.jpg", colour_file(big, "JPEG"))
        depth = shot.depth.astype("<f4")
        depth[0, 0] = np.nan
        put(folder / "rgbd" / f"{n}.depth", stored(depth.tobytes()))
        put(folder / "rgbd" / f"{n}.conf", b"")
    said: dict = {"w": 128, "h": 96, "dw": WIDTH, "dh": HEIGHT, "fps": 60, "poses": poses}
    said["K"] = [120.0, 0, 0, 0, 120.0, 0, 63.5, 47.5, 1]
    if per_frame:
        said["perFrameIntrinsicCoeffs"] = [[120.0, 120.0, 63.5 + n, 47.5] for n in range(3)]
    put(folder / "metadata", json.dumps(said))
    return folder


def stored(content: bytes) -> bytes:
    """An LZFSE stream of one block that is not compressed."""
    return b"bvx-" + len(content).to_bytes(4, "little") + content + b"bvx$"


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path
