"""A cloud fused from the frames of a recording that has none."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hcfres.data.captures.capture import Capture
from hcfres.data.errors import DataError
from hcfres.data.ply import Mesh
from hcfres.data.scene import Frame
from hcfres.geometry.camera import unproject
from hcfres.geometry.fusion import VoxelFusion, on_surfaces, seen_through

VOXEL_M = 0.02
MOST_FRAMES = 200
"""Of a longer recording, so many frames at equal distances are fused."""
FARTHEST_M = 6.0
"""Depth beyond this is too inexact to be fused."""
LEAST_FRAMES = 2
"""A point is believed when the depth of so many frames confirms it, where there are more."""


@dataclass(frozen=True)
class Fused:
    """A cloud and how it came about."""

    mesh: Mesh
    """In the world of the recording's poses; no faces."""
    remark: str
    left_out: float
    """0..1, the share of fused points that are not in the cloud, as too few frames confirm them."""


def fuse(capture: Capture, voxel_m: float = VOXEL_M) -> Fused:
    """Fuse the usable frames of a recording into a coloured cloud.

    The mean per voxel, each measurement weighted by the inverse square of its depth, as a sensor's
    errors grow with it. Then every frame is asked about every point: those that fewer than
    LEAST_FRAMES confirm, or that as many see through as confirm, are left out.

    Raises:
        DataError: an image is broken, or no point is left.
    """
    usable = capture.usable()
    chosen = _evenly(usable, MOST_FRAMES)
    fusion = VoxelFusion(voxel_m)
    for frame in _coloured(capture, chosen):
        _add(fusion, frame, capture)
    cloud = fusion.cloud()
    confirmed = np.zeros(len(cloud.points), np.int64)
    contradicted = np.zeros(len(cloud.points), np.int64)
    for index in chosen:
        frame = capture.depth_frame(index, capture.poses[index])
        yes, no = seen_through(cloud.points, frame.depth, frame.intrinsics, frame.camera_to_world)
        confirmed += yes
        contradicted += no
    kept = (confirmed >= min(LEAST_FRAMES, len(chosen))) & (confirmed > contradicted)
    if not kept.any():
        reason = f"of {len(cloud.points)} fused points no two frames confirm one"
        raise DataError(capture.source, reason, "Give a cloud: --cloud FILE")
    remark = (
        f"There is no cloud: {kept.sum()} points are fused from {len(chosen)} of {len(usable)} "
        f"frames in voxels of {100 * cloud.voxel_m:g} cm; {(~kept).sum()} that too few frames "
        "confirm are left out."
    )
    nothing = np.zeros((0, 3), np.int64)
    mesh = Mesh(cloud.points[kept], cloud.colours[kept], nothing)
    return Fused(mesh, remark, float((~kept).mean()))


def _coloured(capture: Capture, chosen: tuple[int, ...]) -> Iterator[Frame]:
    """Frames with their colour at the size of their depth."""
    for index in chosen:
        depth = capture.images.depth(index).shape
        yield capture.frame(index, capture.poses[index], (depth[0], depth[1]))


def _add(fusion: VoxelFusion, frame: Frame, capture: Capture) -> None:
    good = on_surfaces(frame.depth) & (frame.depth <= FARTHEST_M)
    if frame.seen is not None:
        good &= frame.seen
    points = unproject(frame.depth, frame.intrinsics, frame.camera_to_world)[good]
    depth = frame.depth[good].astype(np.float64)
    try:
        fusion.add(points, frame.colour[good], 1 / np.maximum(depth, 0.1) ** 2)
    except ValueError as error:
        raise DataError(capture.poses_from, f"frame {frame.index}: {error}") from None


def _evenly(indices: tuple[int, ...], most: int) -> tuple[int, ...]:
    places = np.linspace(0, len(indices) - 1, min(len(indices), most)).round().astype(int)
    return tuple(indices[place] for place in places)
