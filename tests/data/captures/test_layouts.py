"""Every layout is recognised by what is in it, and brought to the same frames."""

import json

import numpy as np
import pytest

from hcfres.data.captures.capture import Told
from hcfres.data.captures.layouts import LAYOUTS, fitting, open_capture
from hcfres.data.errors import DataError
from hcfres.data.ply import read_ply, write_ply
from hcfres.data.trajectory import read_trajectory, write_trajectory
from tests.data.captures import room

WRITERS = {
    "scannet": room.scannet,
    "redwood": room.redwood,
    "7scenes": room.seven_scenes,
    "tum": room.tum,
    "polycam": room.polycam,
    "record3d": room.record3d,
}
NEEDS_K = ("7scenes", "tum")


def told(folder, name, **values):
    if name in NEEDS_K:
        values["intrinsics"] = room.camera_json(folder.parent / "k.json")
    return Told(**values)


@pytest.mark.parametrize("name", WRITERS)
def test_a_layout_is_recognised_and_no_other_fits(name, tmp_path):
    folder = WRITERS[name](tmp_path / "scan")
    assert [layout.name for layout in fitting(folder)] == [name]


@pytest.mark.parametrize("name", WRITERS)
def test_every_layout_gives_the_same_frames(name, tmp_path):
    """Relative poses, which do not depend on the world's axes, depth, K and colour."""
    folder = WRITERS[name](tmp_path / "scan")
    capture = open_capture(folder, told(folder, name))
    usable = capture.usable()
    assert len(usable) == len(room.SHOTS) - (name == "tum")
    first = np.linalg.inv(capture.poses[usable[0]])
    for place, index in enumerate(usable):
        shot = room.SHOTS[place]
        frame = capture.frame(index, capture.poses[index])
        wanted = np.linalg.inv(room.SHOTS[0].pose) @ shot.pose
        assert np.allclose(first @ frame.camera_to_world, wanted, atol=1e-6)
        assert np.allclose(frame.depth[1:], shot.depth[1:], atol=6e-4)
        assert np.allclose(frame.intrinsics, room.K, atol=0.26), "resized: half a pixel at most"
        small = capture.frame(index, capture.poses[index], (room.HEIGHT, room.WIDTH)).colour
        assert np.median(np.abs(small.astype(int) - shot.colour)) <= 3
    assert any("camera to world" in remark for remark in capture.remarks)
    assert any(remark.startswith("Depth: ") for remark in capture.remarks)
    assert any(remark.startswith("Intrinsics: ") for remark in capture.remarks)


def test_a_folder_without_a_recording_is_told_what_was_looked_for(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(DataError) as error:
        open_capture(tmp_path, Told())
    assert str(error.value).startswith(f"{tmp_path}: no recording is found here. Looked for:")
    for layout in LAYOUTS:
        assert f"- {layout.title}: {layout.looked_for}" in str(error.value)


def test_a_folder_of_two_recordings_is_not_guessed(tmp_path):
    room.seven_scenes(room.redwood(tmp_path / "scan"))
    wanted = r"of Redwood .* and of 7-Scenes .*--layout redwood or --layout 7scenes"
    with pytest.raises(DataError, match=wanted):
        open_capture(tmp_path / "scan", Told())
    assert open_capture(tmp_path / "scan", Told(), "redwood").layout == "Redwood"
    with pytest.raises(DataError, match=r"there is no layout 'kinect'.*scannet, sens, tum"):
        open_capture(tmp_path / "scan", Told(), "kinect")


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere: there is no such folder or file"):
        open_capture(tmp_path / "nowhere", Told())


def test_the_one_cloud_beside_a_recording_is_taken_and_several_are_asked_about(tmp_path):
    folder = room.with_cloud(room.redwood(tmp_path / "scan"))
    assert open_capture(folder, Told()).cloud == folder / "cloud.ply"
    room.with_cloud(folder, "other.ply")
    with pytest.raises(DataError, match=r"there are 2 clouds: cloud\.ply, other\.ply.*--cloud"):
        open_capture(folder, Told())
    assert open_capture(folder, Told(folder / "other.ply")).cloud == folder / "other.ply"


def test_a_trajectory_of_other_numbers_belongs_by_order(tmp_path):
    """Images 0, 10, 20 ..., poses 0 .. 7: as many, so the n-th belongs to the n-th."""
    folder = room.redwood(tmp_path / "scan", tuple(range(0, 80, 10)))
    capture = open_capture(folder, Told())
    assert capture.usable() == tuple(range(0, 80, 10))
    assert np.allclose(capture.poses[30], room.SHOTS[3].pose, atol=1e-8)
    assert any("the n-th of 8 belongs to the n-th" in remark for remark in capture.remarks)


def test_a_longer_trajectory_belongs_by_number(tmp_path):
    folder = room.redwood(tmp_path / "scan", tuple(range(0, 80, 10)))
    path = folder / "scene" / "trajectory.log"
    poses = read_trajectory(path)
    write_trajectory(path, {10 * n: pose for n, pose in poses.items() if n != 4} | {81: np.eye(4)})
    (folder / "image" / "000000.jpg").unlink()
    capture = open_capture(folder, Told())
    assert capture.usable() == (10, 20, 30, 50, 60, 70)
    assert any("1 images have none" in remark for remark in capture.remarks)


def test_files_named_by_number_and_time_are_numbered_by_the_first(tmp_path):
    folder = room.redwood(tmp_path / "scan")
    for file in [*(folder / "image").iterdir(), *(folder / "depth").iterdir()]:
        file.rename(file.with_name(f"0{file.stem}-{33367 * int(file.stem):012d}{file.suffix}"))
    assert open_capture(folder, Told()).usable() == tuple(range(8))


def test_scannets_mesh_is_found_in_the_dataset_and_stands_upright(tmp_path):
    folder = room.scannet(tmp_path / "frames" / "scene0000_00")
    scan = tmp_path / "scans" / "scene0000_00"
    scan.mkdir(parents=True)
    write_ply(scan / "scene0000_00_vh_clean_2.ply", room.cloud())
    capture = open_capture(folder, Told())
    assert capture.cloud is not None and capture.cloud.parent == scan
    assert capture.up == (0.0, 0.0, 1.0)


def test_a_lost_pose_is_not_used(tmp_path):
    folder = room.scannet(tmp_path / "scan")
    (folder / "pose" / "20.txt").write_text("-inf " * 16)
    capture = open_capture(folder, Told())
    assert 20 not in capture.usable() and len(capture.usable()) == 7
    assert any("1 are lost" in remark for remark in capture.remarks)


def test_depth_that_is_saturated_is_none(tmp_path):
    folder = room.seven_scenes(tmp_path / "scan")
    capture = open_capture(folder, told(folder, "7scenes"))
    assert capture.images.depth(0)[0, 0] == 0


def test_time_stamps_and_gaps_are_told(tmp_path):
    folder = room.tum(tmp_path / "scan")
    said = " ".join(open_capture(folder, told(folder, "tum")).remarks)
    assert "8 of 8 depth images have a colour image within 20 ms (8 ms in the median)" in said
    assert "7 of these a pose; 1 lie in gaps of the trajectory" in said
    assert "5000 counts a metre" in said


def test_lists_without_common_time_are_refused_with_their_spans(tmp_path):
    folder = room.tum(tmp_path / "scan")
    text = (folder / "rgb.txt").read_text().replace("10", "20")
    (folder / "rgb.txt").write_text(text)
    with pytest.raises(DataError, match=r"belong together: colour 1900.* depth 1000\.00 \.\. 1007"):
        open_capture(folder, told(folder, "tum"))


def test_a_list_that_leads_out_of_its_folder_is_refused(tmp_path):
    folder = room.tum(tmp_path / "scan")
    (folder / "depth.txt").write_text("1000.0 ../../etc/passwd\n")
    with pytest.raises(DataError, match=r"depth\.txt, line 1: .* lies outside the folder"):
        open_capture(folder, told(folder, "tum"))


def test_polycams_plain_cameras_do_without_corrected_ones(tmp_path):
    folder = room.polycam(tmp_path / "scan", corrected=False)
    capture = open_capture(folder, Told())
    assert capture.up == (0.0, 1.0, 0.0)
    assert len(capture.usable()) == 8
    assert not any("corrected" in remark for remark in capture.remarks)


def test_a_polycam_camera_without_a_number_is_named(tmp_path):
    folder = room.polycam(tmp_path / "scan")
    file = sorted((folder / "keyframes" / "corrected_cameras").iterdir())[0]
    camera = json.loads(file.read_text())
    del camera["t_12"]
    file.write_text(json.dumps(camera))
    with pytest.raises(DataError, match=rf"(?s){file.name}: 1 problem.*t_12"):
        open_capture(folder, Told())


def test_record3d_reads_the_archive_as_the_folder(tmp_path):
    folder = room.record3d(tmp_path / "scan")
    archive = open_capture(room.zipped(folder, tmp_path / "my.r3d"), Told())
    unpacked = open_capture(folder, Told())
    assert archive.usable() == unpacked.usable()
    for index in archive.usable():
        assert np.array_equal(archive.images.depth(index), unpacked.images.depth(index))
        assert np.array_equal(archive.poses[index], unpacked.poses[index])
    assert archive.images.depth(0)[0, 0] == 0, "NaN is no depth"


def test_record3d_takes_the_intrinsics_of_each_frame(tmp_path):
    capture = open_capture(room.record3d(tmp_path / "scan", per_frame=True), Told())
    shift = [capture.intrinsics[n][0, 2] - capture.intrinsics[0][0, 2] for n in (1, 2, 7)]
    assert np.allclose(shift, [0.5, 1.0, 0.0]), "a colour pixel is half a depth pixel"


def change_metadata(folder, **values):
    path = folder / "metadata"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


BROKEN_METADATA = {
    "front camera": ({"poses": [[0, 0, 0, 1, 0, 0, 0]] * 8}, "all poses are the same"),
    "quaternion": ({"poses": [[0, 0, 0, 2, 0, 0, 0]] * 8}, r"poses\[0\]: a quaternion of length 2"),
    "six numbers": ({"poses": [[0, 0, 0, 1, 0, 0]]}, r"poses\.0"),
    "no K": ({"K": None}, "K: "),
    "no size": ({"dw": None}, "dh and dw"),
    "huge": ({"dw": 1 << 40}, "dw: "),
    "many": ({"dw": 8000, "dh": 8000}, "depth of 8000x8000 is no phone's"),
}


@pytest.mark.parametrize(("values", "message"), BROKEN_METADATA.values(), ids=BROKEN_METADATA)
def test_a_broken_record3d_description_is_refused(values, message, tmp_path):
    folder = room.record3d(tmp_path / "scan")
    change_metadata(folder, **values)
    with pytest.raises(DataError, match=message):
        open_capture(folder, Told())


def test_record3ds_exr_export_has_a_way_out(tmp_path):
    folder = room.record3d(tmp_path / "scan")
    (folder / "depth").mkdir()
    (folder / "depth" / "0.exr").write_bytes(b"")
    with pytest.raises(DataError, match=r"EXR is not read\. Export the recording as \.r3d"):
        open_capture(folder, Told())


def test_the_golden_recording_is_read_as_it_is(samples):
    path = samples / "sens_golden" / "open3d_rgbd_5frames.sens"
    capture = open_capture(path, Told())
    assert capture.usable() == (0, 1, 2, 4), "the pose of frame 3 is lost"
    other = open_capture(samples / "open3d_rgbd", Told())
    for index in capture.usable():
        assert np.allclose(capture.poses[index], other.poses[index], atol=1e-6)
        first = capture.frame(index, capture.poses[index])
        second = other.frame(index, other.poses[index])
        assert np.array_equal(first.depth, second.depth)
        assert np.array_equal(first.colour, second.colour)


def test_the_living_room_is_taken_for_redwoods(samples):
    folder = samples / "open3d_livingroom1"
    capture = open_capture(folder, Told(folder / "fragments" / "slac_fragment_000.ply"))
    assert capture.usable() == tuple(range(0, 211, 10))
    assert len(capture.poses) == 211
    assert len(read_ply(capture.cloud).vertices) == 5028
