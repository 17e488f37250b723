"""Time stamps: lists of stamped images and poses, and which of them belong together (TUM)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation, Slerp

from hcfres.data.captures.axes import UNIT_TOLERANCE
from hcfres.data.captures.text import numbers, read_rows
from hcfres.data.errors import DataError

LARGEST_GAP_S = 0.02
"""Images, or an image and a pose, that lie farther apart do not belong together."""
LARGEST_BRIDGE_S = 0.1
"""Between two poses that lie no farther apart, the pose in between is interpolated."""
_LIST = "A list has, per line, a time stamp in seconds and a file's name"
_POSES = "A trajectory has, per line, a time stamp and tx ty tz qx qy qz qw"
_FARTHEST_M = 1e6


@dataclass(frozen=True)
class StampedFiles:
    """Images and when they were taken, by time."""

    times: Float[np.ndarray, " files"]
    """Seconds, ascending."""
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class StampedPoses:
    """A trajectory, camera to world, by time; no time comes twice."""

    times: Float[np.ndarray, " poses"]
    """Seconds, ascending."""
    positions: Float[np.ndarray, "poses 3"]
    quaternions: Float[np.ndarray, "poses 4"]
    """qx qy qz qw, of length 1."""

    def at(self, times: Float[np.ndarray, " times"]) -> dict[int, Float[np.ndarray, "4 4"]]:
        """Poses at the given times, by their place among them; those in a gap are left out."""
        after = np.searchsorted(self.times, times).clip(1, max(len(self.times) - 1, 1))
        found: dict[int, np.ndarray] = {}
        for place, (time, right) in enumerate(zip(times.tolist(), after.tolist(), strict=True)):
            pose = self._between(right, time)
            if pose is not None:
                found[place] = pose
        return found

    def _between(self, right: int, time: float) -> np.ndarray | None:
        """The pose at a time from entry `right` and the one before it."""
        left = right - 1
        if len(self.times) > 1 and self.times[left] <= time <= self.times[right]:
            span = float(self.times[right] - self.times[left])
            if span <= LARGEST_BRIDGE_S:
                return self._interpolated(left, (time - float(self.times[left])) / span)
        nearest = min((left, right), key=lambda n: _distance(self.times, n, time))
        if _distance(self.times, nearest, time) > LARGEST_GAP_S:
            return None
        return self._interpolated(nearest, 0.0)

    def _interpolated(self, left: int, share: float) -> np.ndarray:
        pose = np.eye(4)
        if share == 0:
            pose[:3, :3] = Rotation.from_quat(self.quaternions[left]).as_matrix()
            pose[:3, 3] = self.positions[left]
            return pose
        both = Rotation.from_quat(self.quaternions[left : left + 2])
        pose[:3, :3] = Slerp([0.0, 1.0], both)(share).as_matrix()
        pose[:3, 3] = (1 - share) * self.positions[left] + share * self.positions[left + 1]
        return pose


def read_stamped_files(path: Path) -> StampedFiles:
    """Read a list of images, `time name` a line; the names are taken within the list's folder.

    Raises:
        DataError: missing, empty or malformed; a name that leads out of the folder.
    """
    times, paths = [], []
    for line, words in read_rows(path, _LIST):
        if len(words) != 2:
            raise DataError(path, f"{len(words)} words", _LIST, f"line {line}")
        times.append(_time(path, line, words[0]))
        name = Path(words[1])
        if name.is_absolute() or ".." in name.parts:
            reason = f"{words[1][:80]!r} lies outside the folder"
            raise DataError(path, reason, _LIST, f"line {line}")
        paths.append(path.parent / name)
    order = np.argsort(times, kind="stable")
    return StampedFiles(np.array(times)[order], tuple(paths[n] for n in order))


def read_stamped_poses(path: Path) -> StampedPoses:
    """Read a trajectory; of entries of one time the first counts.

    Raises:
        DataError: missing, empty or malformed; a quaternion that is not of length 1.
    """
    table = np.array([_pose(path, line, words) for line, words in read_rows(path, _POSES)])
    times, first = np.unique(table[:, 0], return_index=True)
    table = table[first]
    lengths = np.linalg.norm(table[:, 4:], axis=1, keepdims=True)
    return StampedPoses(times, table[:, 1:4], table[:, 4:] / lengths)


def pairs(
    first: Float[np.ndarray, " first"],
    second: Float[np.ndarray, " second"],
    largest_s: float = LARGEST_GAP_S,
) -> Int[np.ndarray, "pairs 2"]:
    """Places of the times that are each other's nearest, ascending, at most `largest_s` apart.

    Both are ascending; no time is in two pairs.
    """
    if not len(first) or not len(second):
        return np.zeros((0, 2), np.int64)
    there, back = _nearest(first, second), _nearest(second, first)
    mutual = back[there] == np.arange(len(first))
    near = np.abs(second[there] - first) <= largest_s
    chosen = np.flatnonzero(mutual & near)
    return np.stack([chosen, there[chosen]], axis=1)


def _nearest(times: np.ndarray, among: np.ndarray) -> np.ndarray:
    """For each time the place of the nearest among others, the earlier of two as near."""
    right = np.searchsorted(among, times).clip(0, len(among) - 1)
    left = (right - 1).clip(0)
    return np.where(np.abs(among[left] - times) <= np.abs(among[right] - times), left, right)


def _time(path: Path, line: int, word: str) -> float:
    (time,) = numbers(path, line, (word,), _LIST)
    if not np.isfinite(time):
        raise DataError(path, f"the time stamp is {word[:20]}", _LIST, f"line {line}")
    return time


def _pose(path: Path, line: int, words: tuple[str, ...]) -> list[float]:
    if len(words) != 8:
        raise DataError(path, f"{len(words)} numbers, not 8", _POSES, f"line {line}")
    found = numbers(path, line, words, _POSES)
    if not np.isfinite(found).all() or max(map(abs, found[1:4])) > _FARTHEST_M:
        raise DataError(path, f"not a pose: {' '.join(words)[:80]}", _POSES, f"line {line}")
    length = float(np.linalg.norm(found[4:]))
    if not abs(length - 1) <= UNIT_TOLERANCE:
        reason = f"a quaternion of length {length:.3g}, not 1"
        raise DataError(path, reason, _POSES, f"line {line}")
    return found


def _distance(times: np.ndarray, place: int, time: float) -> float:
    return abs(float(times[min(place, len(times) - 1)]) - time)
