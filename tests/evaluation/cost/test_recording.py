"""The room that encoders are measured on."""

from pathlib import Path

import numpy as np
import pytest

from hcfres.config.loading import load
from hcfres.config.setting import SettingConfig
from hcfres.evaluation.cost.recording import frames_of_scan, record_room
from hcfres.geometry.camera import unproject

SETTINGS = Path(__file__).parents[3] / "experiments" / "settings"


def _setting(name):
    return load(SETTINGS / f"{name}.toml", SettingConfig)


@pytest.fixture(scope="module")
def recordings():
    return [record_room(_setting(name), 1) for name in ("rooms", "scannet")]


def test_frames_are_as_large_as_the_settings(recordings):
    rooms, scannet = recordings
    assert rooms.image == (320, 240)
    assert scannet.image == (640, 480)
    assert scannet.frames[0].depth.shape == (480, 640)
    assert np.array_equal(rooms.scene.vertices, scannet.scene.vertices)


def test_an_enlarged_frame_shows_the_same_places(recordings):
    small, large = (
        unproject(frame.depth, frame.intrinsics, frame.camera_to_world)
        for frame in (one.frames[0] for one in recordings)
    )
    middle = large.reshape(120, 4, 160, 4, 3)[:, 1:3, :, 1:3].mean((1, 3))
    apart = np.linalg.norm(middle - small, axis=-1)
    assert np.nanmax(apart) < 0.03  # half of the larger image's pixel; farther away it is more


def test_a_scan_has_the_frames_that_its_setting_looks_at():
    assert frames_of_scan(_setting("rooms")) == 10
    assert frames_of_scan(_setting("scannet")) == 165
