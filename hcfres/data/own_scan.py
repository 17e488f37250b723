"""A scan that nobody prepared: a recording in any known layout, with a cloud or without."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hcfres.data.captures.capture import Capture, Told
from hcfres.data.captures.fit import PlacedCloud, placed_cloud
from hcfres.data.captures.fused import VOXEL_M
from hcfres.data.captures.layouts import open_capture
from hcfres.data.captures.redwood import read_frames
from hcfres.data.errors import DataError
from hcfres.data.ply import Mesh
from hcfres.data.reprojection import Landing
from hcfres.data.scene import NO_OBJECT, Frame, Scene
from hcfres.data.upright import rotation_to_z, up_direction


@dataclass(frozen=True)
class ScanFiles:
    """Where the parts of a scan are, and what they do not say themselves."""

    cloud: Path | None
    """None: it is fused from the frames."""
    frames: Path
    poses: Path
    intrinsics: Path | None = None
    depth_unit_m: float = 0.001
    """Metres to one count of a depth image."""
    up: tuple[float, float, float] | None = None
    """Which way is up in the cloud's frame; None: from the cameras and the level surfaces."""
    cloud_frame: int | None = None
    """It is in the frame of this pose's camera (OpenCV's axes); None: in the poses' world."""
    voxel_m: float = VOXEL_M
    """Of a cloud that is fused."""

    def capture(self) -> Capture:
        """Read the recording."""
        told = Told(self.cloud, self.intrinsics, self.depth_unit_m)
        return read_frames(self.frames, self.poses, told)


@dataclass(frozen=True)
class ScanFolder:
    """A recording whose layout is recognised, and what goes before what it says itself."""

    path: Path
    """A folder, a `.sens` or a `.r3d` file."""
    layout: str | None = None
    """A name of `captures.layouts.LAYOUTS`; None: the one that fits."""
    cloud: Path | None = None
    intrinsics: Path | None = None
    depth_unit_m: float | None = None
    up: tuple[float, float, float] | None = None
    cloud_frame: int | None = None
    voxel_m: float = VOXEL_M

    def capture(self) -> Capture:
        """Read the recording."""
        told = Told(self.cloud, self.intrinsics, self.depth_unit_m)
        return open_capture(self.path, told, self.layout)


@dataclass(frozen=True)
class OwnScan:
    """A scan whose parts fit together; it is read like a dataset of this one scene."""

    capture: Capture
    upright_scene: Scene
    """Without annotation, in the poses' world turned upright (+z up)."""
    world_from_file: Float[np.ndarray, "4 4"]
    """From the cloud's own frame; its inverse takes results back to it."""
    poses: dict[int, np.ndarray]
    """Camera to the upright world, by frame number, of the usable frames, ascending."""
    landing: Landing
    spacing_m: float
    """Median distance of a point of the cloud to its nearest other point."""
    remarks: tuple[str, ...]
    """What was understood, assumed, skipped and measured, to be shown to the user."""

    name = "own"

    @property
    def scene_id(self) -> str:
        """The name of the cloud's file or the recording, as far as a name may go."""
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
        return self.capture.frame(index, self.poses[index], size)

    def scene_hash(self, scene_id: str) -> str:
        """Identify what `scene` returns: sha256 over its coordinates, colours and faces."""
        scene = self.scene(scene_id)
        arrays = (scene.vertices, scene.colours, scene.faces)
        return _hash_of(array.tobytes() for array in arrays)

    def frames_hash(self, scene_id: str, every: int = 1) -> str:
        """Identify the frames `frame_indices` names: sha256 over images, poses and K."""
        chosen = self.frame_indices(scene_id, every)
        images = (part for i in chosen for part in self.capture.images.content(i))
        poses = (self.poses[i].tobytes() for i in chosen)
        matrices = (self.capture.intrinsics[i].tobytes() for i in chosen)
        settings = f"{self.capture.layout} {chosen} {self.capture.images.unit_m}".encode()
        return _hash_of((settings, *matrices, *poses, *self.capture.cameras(), *images))

    def _require(self, scene_id: str) -> None:
        if scene_id != self.scene_id:
            source = self.capture.cloud or self.capture.source
            raise DataError(source, f"this scan is {self.scene_id}, not {scene_id}")


def open_own_scan(files: ScanFiles | ScanFolder) -> OwnScan:
    """Read a scan and check by reprojection that its parts belong together.

    Frames that lack an image or a finite pose are left out and counted in the remarks.

    Raises:
        DataError: a part is missing or broken; no frame is complete; or less than half of the
            depth lands on the cloud (or, without a cloud, on what other frames saw): the share,
            the likely reason and the way out are named.
    """
    capture = files.capture()
    remarks = list(capture.remarks)
    usable = _usable(capture, remarks)
    capture.require_same_view(usable[0])
    placed = placed_cloud(capture, files.cloud_frame, files.voxel_m)
    remarks += placed.remarks
    turn = _turn(capture, placed, files.up, remarks)
    upright = {index: turn @ capture.poses[index] for index in usable}
    name = (capture.cloud or capture.source.absolute()).stem
    whole = turn @ placed.world_from_file
    scene = _scene(name, placed.mesh, placed.colours, whole)
    return OwnScan(capture, scene, whole, upright, placed.landing, placed.spacing_m, tuple(remarks))


def _hash_of(parts: Iterable[bytes]) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()


def _usable(capture: Capture, remarks: list[str]) -> tuple[int, ...]:
    usable = capture.usable()
    if not usable:
        pairs = len(capture.images.indices())
        reason = f"no frame is complete: {pairs} pairs of images, {len(capture.poses)} poses"
        raise DataError(capture.source, reason, "At least one frame needs both images and a pose")
    remarks.append(f"{len(usable)} frames are used.")
    left_out = len(capture.images.indices()) + capture.images.lonely() - len(usable)
    if left_out:
        remarks.append(f"{left_out} frames lack an image or a valid pose and are left out.")
    return usable


def _turn(
    capture: Capture,
    placed: PlacedCloud,
    said: tuple[float, float, float] | None,
    remarks: list[str],
) -> np.ndarray:
    """The rotation of the poses' world that puts up along +z."""
    known = said if said is not None else capture.up
    if known is not None:
        up = np.array(known)
        if not np.linalg.norm(up) > 0:
            raise DataError(capture.source, f"up is {known}", "Give a direction such as 0,0,1")
        if said is not None:
            up = placed.world_from_file[:3, :3] @ up
    else:
        poses = np.stack([capture.poses[index] for index in capture.usable()])
        found = up_direction(placed.vertices, poses)
        if found is None:
            remarks.append(
                "The cameras do not tell which way is up: +z is taken; `up` says otherwise."
            )
            return np.eye(4)
        up = found
    turn = rotation_to_z(up / np.linalg.norm(up))
    if not np.array_equal(turn, np.eye(4)):
        numbers = ", ".join(f"{value:.2f}" for value in up)
        remarks.append(f"Up is ({numbers}) in the poses' world: the scene is turned to +z up.")
    return turn


def _scene(name: str, mesh: Mesh, colours: np.ndarray, placed: np.ndarray) -> Scene:
    count = len(mesh.vertices)
    vertices = (mesh.vertices @ placed[:3, :3].T + placed[:3, 3]).astype(np.float32)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("._-") or "scan"
    nothing = np.full(count, NO_OBJECT, dtype=np.int64)
    unlabelled = np.zeros(count, dtype=np.int64)
    return Scene(name, vertices, colours, mesh.faces, nothing, unlabelled, None, ())
