"""The cloud of a recording, brought into the world of its poses and held against its depth."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from hcfres.data.captures.capture import Capture
from hcfres.data.captures.fused import Fused, fuse
from hcfres.data.captures.mistakes import camera_of_cloud, disagreement, likely_mistake
from hcfres.data.errors import DataError
from hcfres.data.ply import Mesh, read_ply
from hcfres.data.reprojection import NEEDED_SHARE, Landing, Target
from hcfres.data.scene import Frame

GOOD_SHARE = 0.9
"""Without a cloud, less depth than this on what other frames saw is warned of."""
MOST_LEFT_OUT = 0.25
"""A greater share of fused points that too few frames confirm is warned of."""
_TO_CHECK = "the order of quaternions, the scale, which image each belongs to"
_SPARSE = "few frames see the same place"
_FRAMES_CHECKED = 24
_FRAMES_COMPARED = 40
_SURE = 0.9
"""A mistake that explains so much of the depth is looked no further than."""
_ANOTHER = "the cloud lies in another frame of reference"
_ELSEWHERE = f"{_ANOTHER} than the poses, or is of another scan"
_NEAREST_M, _FARTHEST_M = 0.3, 6.0
"""Between these lies the median depth of recordings of rooms."""


@dataclass(frozen=True)
class PlacedCloud:
    """A cloud on which the depth lands."""

    mesh: Mesh
    """In its file's own frame."""
    colours: UInt8[np.ndarray, "points 3"]
    world_from_file: Float[np.ndarray, "4 4"]
    vertices: Float[np.ndarray, "points 3"] = field(repr=False)
    """In the world of the poses."""
    landing: Landing
    spacing_m: float
    remarks: tuple[str, ...]


def placed_cloud(capture: Capture, cloud_frame: int | None, voxel_m: float) -> PlacedCloud:
    """Read the cloud of a recording, or fuse one, and check that its depth lands on it.

    Args:
        cloud_frame: the cloud is in the frame of this pose's camera; None: of the poses' world.
        voxel_m: of a cloud that is fused.

    Raises:
        DataError: the cloud is broken or has no colours, there is no such pose, or the depth does
            not land on the cloud; the share, the likely reason and the way out are named.
    """
    if capture.cloud is None:
        return _fused(capture, cloud_frame, voxel_m)
    mesh = read_ply(capture.cloud)
    if mesh.colours is None:
        reason = "the cloud has no colours, which the network needs"
        raise DataError(capture.cloud, reason, "Export it with red, green and blue")
    place = np.eye(4) if cloud_frame is None else _pose(capture, cloud_frame)
    vertices = mesh.vertices @ place[:3, :3].T + place[:3, 3]
    target = Target(vertices)
    found = _require_landing(capture, capture.cloud, target, cloud_frame)
    said = () if cloud_frame is None else (f"The cloud is in the frame of pose {cloud_frame}.",)
    remarks = (*said, f"{found}.")
    return PlacedCloud(mesh, mesh.colours, place, vertices, found, target.spacing_m, remarks)


def _fused(capture: Capture, cloud_frame: int | None, voxel_m: float) -> PlacedCloud:
    if cloud_frame is not None:
        reason = f"there is no cloud that could be in the frame of pose {cloud_frame}"
        raise DataError(capture.source, reason, "Give the cloud: --cloud FILE")
    frames = _frames(capture, _FRAMES_COMPARED)
    agreed, remarks = _require_agreement(capture, frames)
    fused = fuse(capture, voxel_m)
    mesh = fused.mesh
    if mesh.colours is None:
        raise DataError(capture.source, "the fused cloud has no colours")
    target = Target(mesh.vertices)
    measured = target.landing(frames)
    remarks = (*remarks, fused.remark, f"{measured}.", *_doubts(capture, agreed, fused, measured))
    return PlacedCloud(
        mesh, mesh.colours, np.eye(4), mesh.vertices, measured, target.spacing_m, remarks
    )


def _doubts(capture: Capture, agreed: float, fused: Fused, landed: Landing) -> tuple[str, ...]:
    """What the fused cloud says against the poses, as a warning, or as a DataError.

    Where poses are right and the frames overlap, nearly all depth lands on the cloud and about a
    tenth of its points are left out.
    """
    left_out = f"{fused.left_out:.0%} of the fused points are confirmed by too few frames"
    if landed.share < NEEDED_SHARE or fused.left_out > 1 - NEEDED_SHARE:
        reason = f"{landed}, and {left_out}: the poses are not those of these images, or too few "
        way_out = f"Put right the poses of {capture.poses_from}, or give a cloud: --cloud FILE"
        raise DataError(capture.source, f"{reason}frames see the same place", way_out)
    if min(agreed, landed.share) >= GOOD_SHARE and fused.left_out <= MOST_LEFT_OUT:
        return ()
    shares = f"{agreed:.0%} of the depth agrees with other frames, {landed.share:.0%} lands on the "
    shares += f"fused cloud, {left_out}"
    doubt = f"check the poses of {capture.poses_from} ({_TO_CHECK}), unless {_SPARSE}"
    return (f"Warning: {shares}; {doubt}.",)


def _require_agreement(
    capture: Capture, frames: tuple[Frame, ...]
) -> tuple[float, tuple[str, ...]]:
    """The share of the depth that agrees and what to say, or the mistake as a DataError."""
    if len(frames) == 1:
        said = "There is a single frame: nothing to check poses, axes and units against."
        return 1.0, (said,)
    found, mistake = disagreement(frames, capture)
    agreed = f"{found.share:.0%} of the depth of {found.frames} frames agrees with other frames"
    if mistake is not None:
        raise DataError(capture.source, f"only {agreed}: {mistake.reason}", mistake.way_out)
    remarks = [f"{agreed} within {100 * found.radius_m:.1f} cm."]
    middle = float(np.median(np.concatenate([frame.depth[frame.depth > 0] for frame in frames])))
    if not _NEAREST_M < middle < _FARTHEST_M:
        remarks.append(
            f"Warning: the median depth is {middle:.2f} m, unusual for a room: is a count "
            f"of a depth image {1000 * capture.images.unit_m:g} mm?"
        )
    return found.share, tuple(remarks)


def _pose(capture: Capture, number: int) -> np.ndarray:
    pose = capture.poses.get(number)
    if pose is None or not np.isfinite(pose).all():
        known = [n for n in sorted(capture.poses) if np.isfinite(capture.poses[n]).all()]
        reason = f"there is no pose {number} to take the cloud's frame from"
        raise DataError(capture.poses_from, reason, f"They go from {known[0]} to {known[-1]}")
    return pose


def _require_landing(
    capture: Capture, cloud: Path, target: Target, cloud_frame: int | None
) -> Landing:
    frames = _frames(capture, _FRAMES_CHECKED)
    found = target.landing(frames)
    if found.share >= NEEDED_SHARE:
        return found
    likely = likely_mistake(target, frames, found, capture)
    reason = likely.reason if likely else _ELSEWHERE
    elsewhere = f"Give the cloud that was fused with the poses of {capture.poses_from}"
    elsewhere += ", or its own poses"
    way_out = likely.way_out if likely else elsewhere
    if cloud_frame is None and (likely is None or likely.share < _SURE):
        camera = _camera(capture, target)
        if camera is not None and (likely is None or camera[1] > likely.share):
            reason = f"{_ANOTHER} than the poses: as it seems, in that of the camera of pose "
            reason += str(camera[0])
            way_out = (
                f"If it does, say so: --cloud-frame {camera[0]}. Otherwise {_lower(elsewhere)}"
            )
    said = f"{found}, {NEEDED_SHARE:.0%} are needed: {reason}"
    raise DataError(cloud, said, way_out)


def _camera(capture: Capture, target: Target) -> tuple[int, float] | None:
    poses = {n: pose for n, pose in capture.poses.items() if np.isfinite(pose).all()}

    def read(number: int) -> Frame:
        return capture.depth_frame(number, poses[number])

    return camera_of_cloud(target, capture.usable(), read, poses)


def _frames(capture: Capture, most: int) -> tuple[Frame, ...]:
    """Frames at equal distances in the recording, without colour."""
    usable = capture.usable()
    places = np.linspace(0, len(usable) - 1, min(len(usable), most)).round().astype(int)
    return tuple(capture.depth_frame(usable[p], capture.poses[usable[p]]) for p in places)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
