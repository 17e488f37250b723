"""A scan that nobody prepared: a cloud, a folder of colour and depth images, a trajectory."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hcfres.data.errors import DataError
from hcfres.data.frames import (
    COLOUR_SUFFIXES,
    DEPTH_SUFFIXES,
    numbered_files,
    read_colour,
    read_depth,
    require_intrinsics,
)
from hcfres.data.ply import Mesh, read_ply
from hcfres.data.reprojection import NEEDED_SHARE, Landing, landing, likely_reason
from hcfres.data.scene import NO_OBJECT, Frame, Scene
from hcfres.data.trajectory import read_camera, read_trajectory
from hcfres.data.upright import rotation_to_z, up_direction

COLOUR_FOLDERS = ("color", "image", "colour", "rgb")
DEFAULT_SIZE = (480, 640)
DEFAULT_INTRINSICS = np.array([[525.0, 0, 319.5], [0, 525.0, 239.5], [0, 0, 1.0]])
DEFAULT_INTRINSICS.setflags(write=False)
"""K of a PrimeSense camera at 640x480, assumed where none is given."""
_FRAMES_CHECKED = 24
_SAME_VIEW = 0.05
"""How much the shapes (width by height) of a colour and a depth image of one view may differ."""
_FRAMES_HELP = "Give a folder with `color` (or `image`) and `depth`, files named by frame number"


@dataclass(frozen=True)
class ScanFiles:
    """Where the parts of a scan are, and what they do not say themselves."""

    cloud: Path
    frames: Path
    poses: Path
    intrinsics: Path | None = None
    depth_unit_m: float = 0.001
    """Metres to one count of a depth image."""
    up: tuple[float, float, float] | None = None
    """Which way is up in the cloud's frame; None: from the cameras and the level surfaces."""


@dataclass(frozen=True)
class OwnScan:
    """A scan whose parts fit together; it is read like a dataset of this one scene."""

    files: ScanFiles
    upright_scene: Scene
    """Without annotation, in the scan's frame turned upright (+z up)."""
    world_from_file: Float[np.ndarray, "4 4"]
    """The turn that was applied; its inverse takes results back to the cloud's own frame."""
    camera: "Camera"
    poses: dict[int, np.ndarray]
    """Camera to the upright world, by frame number, of the usable frames, ascending."""
    landing: Landing
    remarks: tuple[str, ...]
    """What was assumed, skipped and measured, one sentence each, to be shown to the user."""

    name = "own"

    @property
    def scene_id(self) -> str:
        """The cloud's file name, as far as a name may go."""
        return self.upright_scene.scene_id

    def scene(self, scene_id: str) -> Scene:
        """Return the scan itself."""
        self._require(scene_id)
        return self.upright_scene

    def frame_indices(self, scene_id: str, every: int = 1) -> tuple[int, ...]:
        """Return every `every`-th of the usable frames, ascending."""
        self._require(scene_id)
        return tuple(self.poses)[::every]

    def frame(self, scene_id: str, index: int, size: tuple[int, int] | None = None) -> Frame:
        """Read a frame; `size` (height, width) resamples its colour image."""
        self._require(scene_id)
        return self.camera.frame(index, self.poses[index], size)

    def scene_hash(self, scene_id: str) -> str:
        """Identify what `scene` returns: sha256 over its coordinates, colours and faces."""
        scene = self.scene(scene_id)
        arrays = (scene.vertices, scene.colours, scene.faces)
        return _hash_of(array.tobytes() for array in arrays)

    def frames_hash(self, scene_id: str, every: int = 1) -> str:
        """Identify the frames `frame_indices` names: sha256 over images, poses and K."""
        chosen = self.frame_indices(scene_id, every)
        images = (path.read_bytes() for i in chosen for path in self.camera.paths(i))
        poses = (self.poses[i].tobytes() for i in chosen)
        settings = f"{chosen} {self.files.depth_unit_m}".encode()
        return _hash_of((settings, self.camera.intrinsics.tobytes(), *poses, *images))

    def _require(self, scene_id: str) -> None:
        if scene_id != self.scene_id:
            raise DataError(self.files.cloud, f"this scan is {self.scene_id}, not {scene_id}")


@dataclass(frozen=True)
class Camera:
    """The images of a scan and the K they share."""

    colours: dict[int, Path]
    """By frame number."""
    depths: dict[int, Path]
    intrinsics: Float[np.ndarray, "3 3"]
    """Of the depth images, in their pixels."""
    depth_unit_m: float

    def paths(self, index: int) -> tuple[Path, Path]:
        """Name a frame's colour and depth image."""
        return self.colours[index], self.depths[index]

    def frame(self, index: int, pose: np.ndarray, size: tuple[int, int] | None = None) -> Frame:
        """Read a frame."""
        depth = read_depth(self.depths[index], self.depth_unit_m)
        require_intrinsics(self.depths[index], self.intrinsics, depth.shape)
        return Frame(index, read_colour(self.colours[index], size), depth, self.intrinsics, pose)


def open_own_scan(files: ScanFiles) -> OwnScan:
    """Read a scan and check by reprojection that its parts belong together.

    Frames that lack an image or a finite pose are left out and counted in the remarks.

    Raises:
        DataError: a part is missing or broken; no frame is complete; or less than half of the
            depth lands on the cloud: the share, the likely reason and the way out are named.
    """
    mesh = read_ply(files.cloud)
    if mesh.colours is None:
        reason = "the cloud has no colours, which the network needs"
        raise DataError(files.cloud, reason, "Export it with red, green and blue")
    remarks: list[str] = []
    colours, depths = _images(files.frames)
    poses = _usable_poses(files, colours, depths, remarks)
    shape = _shape(files, colours[min(poses)], depths[min(poses)])
    intrinsics = _intrinsics(files, shape, remarks)
    camera = Camera(colours, depths, intrinsics, files.depth_unit_m)
    measured = _require_landing(files, mesh, camera, poses)
    remarks.append(f"{measured}.")
    turn = _turn(files, mesh, poses, remarks)
    upright = {index: turn @ pose for index, pose in poses.items()}
    scene = _scene(files.cloud, mesh, mesh.colours, turn)
    return OwnScan(files, scene, turn, camera, upright, measured, tuple(remarks))


def _hash_of(parts: Iterable[bytes]) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()


def _images(folder: Path) -> tuple[dict[int, Path], dict[int, Path]]:
    """Colour and depth files by frame number."""
    found = [folder / name for name in COLOUR_FOLDERS if (folder / name).is_dir()]
    if len(found) != 1:
        said = f"has {' and '.join(p.name for p in found)}" if found else "has no colour folder"
        raise DataError(folder, f"the folder {said}", _FRAMES_HELP)
    colours = numbered_files(found[0], COLOUR_SUFFIXES, _FRAMES_HELP)
    return colours, numbered_files(folder / "depth", DEPTH_SUFFIXES, _FRAMES_HELP)


def _usable_poses(
    files: ScanFiles, colours: dict[int, Path], depths: dict[int, Path], remarks: list[str]
) -> dict[int, np.ndarray]:
    trajectory = read_trajectory(files.poses)
    complete = sorted(set(colours) & set(depths))
    posed = [index for index in complete if index in trajectory]
    valid = {i: trajectory[i] for i in posed if np.isfinite(trajectory[i]).all()}
    if not valid:
        reason = (
            f"no frame is complete: {len(colours)} colour and {len(depths)} depth images, "
            f"{len(complete)} pairs, {len(posed)} of them with a pose among {len(trajectory)}"
        )
        way_out = f"{_FRAMES_HELP}; a pose belongs to the image whose number it has"
        raise DataError(files.frames, reason, way_out)
    remarks.append(f"{len(valid)} frames are used.")
    left_out = len(set(colours) | set(depths)) - len(valid)
    if left_out:
        remarks.append(f"{left_out} frames lack an image or a valid pose and are left out.")
    return valid


def _shape(files: ScanFiles, colour_file: Path, depth_file: Path) -> tuple[int, int]:
    """Height and width of the depth images, which must show what the colour images show."""
    height, width = read_depth(depth_file, files.depth_unit_m).shape
    rows, columns = read_colour(colour_file).shape[:2]
    if abs(columns * height / (rows * width) - 1) > _SAME_VIEW:
        reason = f"{columns}x{rows} colour cannot show the view of {width}x{height} depth"
        raise DataError(colour_file, reason, "Give colour images registered to the depth images")
    return height, width


def _intrinsics(files: ScanFiles, shape: tuple[int, int], remarks: list[str]) -> np.ndarray:
    if files.intrinsics is not None:
        matrix, size = read_camera(files.intrinsics)
        if size != shape:
            reason = f"for {size[1]}x{size[0]}, the depth is {shape[1]}x{shape[0]}"
            raise DataError(files.intrinsics, reason, "Give the intrinsics of the depth images")
        require_intrinsics(files.intrinsics, matrix, shape)
        return matrix
    if shape != DEFAULT_SIZE:
        reason = f"depth of {shape[1]}x{shape[0]} and no intrinsics; only 640x480 has a default"
        raise DataError(files.frames / "depth", reason, "Give the intrinsics as Open3D's JSON")
    remarks.append("No intrinsics were given: 525 / 525 / 319.5 / 239.5 at 640x480 is assumed.")
    return DEFAULT_INTRINSICS


def _require_landing(
    files: ScanFiles, mesh: Mesh, camera: Camera, poses: dict[int, np.ndarray]
) -> Landing:
    order = sorted(poses)
    places = np.linspace(0, len(order) - 1, min(len(order), _FRAMES_CHECKED)).round().astype(int)
    chosen = [order[place] for place in places]
    frames = tuple(camera.frame(index, poses[index], (1, 1)) for index in chosen)
    found = landing(mesh.vertices, frames)
    if found.share >= NEEDED_SHARE:
        return found
    reason = (
        f"{found}, {NEEDED_SHARE:.0%} are needed: {likely_reason(mesh.vertices, frames, found)}"
    )
    way_out = f"Give the cloud that was fused with the poses of {files.poses}, or its own poses"
    raise DataError(files.cloud, reason, way_out)


def _turn(
    files: ScanFiles, mesh: Mesh, poses: dict[int, np.ndarray], remarks: list[str]
) -> np.ndarray:
    up = np.array(files.up) if files.up is not None else None
    if up is None:
        up = up_direction(mesh.vertices, np.stack(list(poses.values())))
    elif not np.linalg.norm(up) > 0:
        raise DataError(files.cloud, f"up is {files.up}", "Give a direction such as 0,0,1")
    if up is None:
        remarks.append("The cameras do not tell which way is up: +z is taken; `up` says otherwise.")
        return np.eye(4)
    turn = rotation_to_z(up / np.linalg.norm(up))
    if not np.array_equal(turn, np.eye(4)):
        said = ", ".join(f"{value:.2f}" for value in up)
        remarks.append(f"Up is ({said}) in the cloud's frame: the scene is turned to +z up.")
    return turn


def _scene(path: Path, mesh: Mesh, colours: np.ndarray, turn: np.ndarray) -> Scene:
    count = len(mesh.vertices)
    vertices = (mesh.vertices @ turn[:3, :3].T).astype(np.float32)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", path.stem).strip("._-") or "scan"
    nothing = np.full(count, NO_OBJECT, dtype=np.int64)
    unlabelled = np.zeros(count, dtype=np.int64)
    return Scene(name, vertices, colours, mesh.faces, nothing, unlabelled, None, ())
