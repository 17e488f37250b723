"""The usual mistakes in poses, axes and units, and which of them would explain a poor fit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from hcfres.data.captures.capture import Capture
from hcfres.data.captures.phone_images import PhoneImages
from hcfres.data.reprojection import NEEDED_SHARE, Landing, Target, agreement
from hcfres.data.scene import Frame

CLEARLY_BETTER = 0.1
"""Without a cloud, a correction is believed when so much more of the depth agrees with it, and it
leaves at most half of what disagrees."""
_SIMPLER = 0.02
"""Two mistakes at once are believed only when they explain so much more than one."""
_FRAMES_TRIED = 6
_COUNTS = (1000.0, 5000.0, 1.0, 4000.0, 10000.0)
"""Counts of a depth image to a metre that occur."""
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
_IDENTITY = np.eye(4)
_OPENCV, _OPENGL = "OpenCV's (y down, z forward)", "OpenGL's (y up, z backward)"
_POSES_TRIED = 400
_PIXELS_TRIED = 800
_Correction = Callable[[Frame], Frame]


@dataclass(frozen=True)
class _Mistake:
    """What could be wrong, and what puts it right."""

    reason: str
    way_out: str
    correct: _Correction


@dataclass(frozen=True)
class Explanation:
    """What is likely wrong, how to put it right, and how much of the depth lands then."""

    reason: str
    way_out: str
    share: float


def likely_mistake(
    target: Target, frames: tuple[Frame, ...], found: Landing, capture: Capture
) -> Explanation | None:
    """Name the usual mistake that best explains a poor landing; None where none explains it."""
    some = frames[:: max(1, len(frames) // _FRAMES_TRIED)]
    needed = max(NEEDED_SHARE, 2 * found.share)
    best = None
    for mistake in _candidates(capture, with_cloud=True):
        share = target.landing(tuple(map(mistake.correct, some)), _PIXELS_TRIED).share
        if share >= needed and (best is None or share > best.share + _SIMPLER):
            best = Explanation(mistake.reason, mistake.way_out, share)
    share = Target(target.vertices / 1000).landing(some, _PIXELS_TRIED).share
    if share >= needed and (best is None or share > best.share + _SIMPLER):
        reason = "the cloud is in millimetres, the poses in metres"
        best = Explanation(reason, f"Divide the coordinates of {capture.cloud} by 1000", share)
    return best


def camera_of_cloud(
    target: Target,
    numbers: tuple[int, ...],
    read: Callable[[int], Frame],
    poses: dict[int, np.ndarray],
) -> tuple[int, float] | None:
    """Find the pose in whose camera's frame a cloud lies: what that camera saw lands on it.

    Args:
        numbers: of the frames that have depth, which `read` reads.
        poses: camera to world, finite, by number.

    Returns:
        The number of the pose and the share of the depth of some frames that then lands; None
        where there is none.
    """
    kept = lru_cache(maxsize=2)(read)
    tried = sorted(poses)[:: max(1, len(poses) // _POSES_TRIED)]
    best: tuple[float, int] | None = None
    for number in tried:
        nearest = min(numbers, key=lambda n: (abs(n - number), n))
        moved = _seen_from(kept(nearest), poses[number])
        found = target.landing((moved,), _PIXELS_TRIED)
        if found.share >= NEEDED_SHARE and (best is None or found.off_m < best[0]):
            best = found.off_m, number
    if best is None:
        return None
    some = numbers[:: max(1, len(numbers) // _FRAMES_TRIED)]
    seen = tuple(_seen_from(read(number), poses[best[1]]) for number in some)
    share = target.landing(seen, _PIXELS_TRIED).share
    return (best[1], share) if share >= NEEDED_SHARE else None


def disagreement(frames: tuple[Frame, ...], capture: Capture) -> tuple[Landing, Explanation | None]:
    """Check frames against each other, without a cloud; the mistake in them, None for none."""
    found = agreement(frames)
    needed = max(NEEDED_SHARE, found.share + CLEARLY_BETTER, (1 + found.share) / 2)
    if needed > 1:
        return found, None
    best = None
    for mistake in _candidates(capture, with_cloud=False):
        share = agreement(tuple(map(mistake.correct, frames))).share
        if share >= needed and (best is None or share > best.share + _SIMPLER):
            best = Explanation(mistake.reason, mistake.way_out, share)
    if best is None and found.share < NEEDED_SHARE:
        reason = "the poses are not those of these images, or no two frames see the same place"
        way_out = f"Put right the poses of {capture.poses_from}, or give a cloud: --cloud FILE"
        best = Explanation(reason, way_out, 0.0)
    return found, best


def _candidates(capture: Capture, with_cloud: bool) -> Iterator[_Mistake]:
    """Single mistakes first, then those of poses and of units together."""
    poses, units = _pose_mistakes(capture), _unit_mistakes(capture, with_cloud)
    yield from poses
    yield from units
    for pose in poses:
        for unit in units:
            way_out = f"{pose.way_out}; and {unit.way_out[0].lower()}{unit.way_out[1:]}"
            reason = f"{pose.reason}; and {unit.reason}"
            yield _Mistake(reason, way_out, _both(pose, unit))


def _pose_mistakes(capture: Capture) -> tuple[_Mistake, ...]:
    """World-to-camera, other camera axes, both; of poses as the layout has them in its files."""
    own, other = _OPENCV, _OPENGL
    stored = _IDENTITY
    if capture.opengl:
        own, other, stored = other, own, _FLIP
    poses = f"the poses of {capture.poses_from}"
    turn = "change the signs of the second and third column of each rotation"
    invert = f"Invert {poses}: camera-to-world is wanted"
    return (
        _Mistake("the poses are world-to-camera", invert, _inverted(stored)),
        _Mistake(
            f"the camera axes are {other}, where {own} are expected",
            f"Turn the axes of {poses}: {turn}",
            lambda f: replace(f, camera_to_world=f.camera_to_world @ _FLIP),
        ),
        _Mistake(
            f"the poses are world-to-camera in {other}, where {own} are expected",
            f"{invert}; then {turn}",
            _inverted(stored, _FLIP),
        ),
    )


def _inverted(stored: np.ndarray, turn: np.ndarray = _IDENTITY) -> _Correction:
    """The inverses of the poses in the files, which are ours times `stored`, turned alike."""

    def correct(frame: Frame) -> Frame:
        in_file = frame.camera_to_world @ stored
        return replace(frame, camera_to_world=np.linalg.inv(in_file) @ turn @ stored)

    return correct


def _unit_mistakes(capture: Capture, with_cloud: bool) -> tuple[_Mistake, ...]:
    """Depth in another unit; and, which shows on a cloud alone, positions in millimetres."""
    found = []
    unit_m = capture.images.unit_m
    for counts in _COUNTS:
        factor = np.float32(1 / counts / unit_m)
        if not 0.99 < factor < 1.01:
            way_out = f"Say so: --depth-unit {1 / counts:g}"
            if isinstance(capture.images, PhoneImages):
                way_out = f"Multiply the depth images of {capture.source} by {factor:g}"
            found.append(_Mistake(_said(counts, unit_m), way_out, _scaled(factor)))
    if with_cloud:
        reason = "the poses are in millimetres, the cloud in metres"
        way_out = f"Divide the positions in {capture.poses_from} by 1000"
        found.append(_Mistake(reason, way_out, _in_millimetres))
    return tuple(found)


def _scaled(factor: np.float32) -> _Correction:
    return lambda f: replace(f, depth=f.depth * factor)


def _in_millimetres(frame: Frame) -> Frame:
    pose = frame.camera_to_world.copy()
    pose[:3, 3] /= 1000
    return replace(frame, camera_to_world=pose)


def _both(first: _Mistake, second: _Mistake) -> _Correction:
    return lambda f: second.correct(first.correct(f))


def _said(counts: float, unit_m: float) -> str:
    return f"the depth images count in {_unit(counts)}, but were read as {_unit(1 / unit_m)}"


def _unit(counts: float) -> str:
    if abs(counts - 1) < 1e-6:
        return "metres"
    return f"1/{counts:g} m" + (" (millimetres)" if abs(counts - 1000) < 1e-3 else "")


def _seen_from(frame: Frame, pose: np.ndarray) -> Frame:
    """The frame as it is in the camera's frame of a pose."""
    return replace(frame, camera_to_world=np.linalg.inv(pose) @ frame.camera_to_world)
