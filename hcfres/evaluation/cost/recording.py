"""A synthetic room scanned and photographed, for what has to be measured on frames."""

from dataclasses import dataclass, replace

import numpy as np

from hcfres.config.setting import SettingConfig
from hcfres.data.rooms.camera_path import photograph
from hcfres.data.rooms.layout import make_room
from hcfres.data.rooms.render import COLOUR_SIZE, DEPTH_SIZE, set_stage
from hcfres.data.rooms.scan import scan_room
from hcfres.data.rooms.seeds import EXAMINE, scene_id
from hcfres.data.rooms.writer import as_frame, make_scene
from hcfres.data.scene import Frame, Scene

_SCANNET_SIZE = (640, 480)
"""Width and height of ScanNet's depth, to which its colour is registered."""
_SCANNET_FRAMES = 2_500_000 / 1513
"""Frames of a scan on average: 2.5 million views in 1513 scans, as its authors count them."""


@dataclass(frozen=True)
class Recording:
    """A scan with some of its frames."""

    scene: Scene
    frames: tuple[Frame, ...]

    @property
    def image(self) -> tuple[int, int]:
        """Width and height of the colour images."""
        height, width = self.frames[0].colour.shape[:2]
        return width, height


def record_room(setting: SettingConfig, frames: int) -> Recording:
    """Record a room that nothing was trained on, its frames as large as the setting's are."""
    room = make_room(EXAMINE[0], scene_id(EXAMINE[0]))
    stage = set_stage(room)
    taken = [as_frame(room, shot, lost=False) for shot in photograph(stage, frames)]
    if setting.data.rooms is None:
        taken = [enlarged(frame, _SCANNET_SIZE) for frame in taken]
    return Recording(make_scene(room, scan_room(stage)), tuple(taken))


def enlarged(frame: Frame, size: tuple[int, int]) -> Frame:
    """Repeat pixels until colour and depth of a room's frame have `size`.

    Args:
        size: width and height, whole multiples of theirs.
    """
    by = size[0] // DEPTH_SIZE[0]
    return replace(
        frame,
        colour=_repeated(frame.colour, size[0] // COLOUR_SIZE[0]),
        depth=_repeated(frame.depth, by),
        intrinsics=np.diag([by, by, 1.0]) @ frame.intrinsics,
    )


def _repeated(image: np.ndarray, times: int) -> np.ndarray:
    return image.repeat(times, axis=0).repeat(times, axis=1)


def frames_of_scan(setting: SettingConfig) -> int:
    """Count the frames of a scan that a setting looks at: of ScanNet, of a scan on average."""
    if setting.data.rooms is not None:
        return setting.data.rooms.frames_per_room
    return round(_SCANNET_FRAMES / setting.data.frame_every)
