"""What may be asked about: a dataset's scan, a recording, or the parts of one."""

import numpy as np
import pytest

from hcfres.data.errors import DataError
from hcfres.data.own_scan import OwnScan, ScanFiles
from hcfres.evaluation.open_scene import open_scene
from tests.data.captures import room


def test_a_recording_is_opened_by_its_folder(tmp_path):
    opened = open_scene(str(room.with_cloud(room.redwood(tmp_path / "scan"))))
    assert isinstance(opened.source, OwnScan)
    assert opened.scene_id == "cloud"
    assert [frame.index for frame in opened.frames(3)] == [0, 3, 6]
    assert np.allclose(opened.file_from_world, np.eye(4))
    assert any("lands within" in remark for remark in opened.remarks)


def test_the_radius_is_held_against_the_clouds_spacing(tmp_path):
    """The cloud's points are 4 cm apart."""
    opened = open_scene(room.with_cloud(room.redwood(tmp_path / "scan")))
    warning = opened.radius_remark(0.04)
    assert warning is not None and "4.0 cm apart (median)" in warning
    assert opened.radius_remark(0.13) is None


def test_a_recording_has_no_other_scans(tmp_path):
    folder = room.redwood(tmp_path / "scan")
    for what in (folder, ScanFiles(None, folder, folder / "scene" / "trajectory.log")):
        with pytest.raises(DataError, match="scene0000_00 was asked for"):
            open_scene(what, "scene0000_00")


def test_what_is_neither_dataset_nor_recording_is_told_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"no recording is found here\. Looked for"):
        open_scene(tmp_path)
