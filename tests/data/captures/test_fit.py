"""A recording is held against its cloud, or against itself, and the mistake in it is named."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.data.captures.capture import Told
from hcfres.data.captures.fused import fuse
from hcfres.data.captures.layouts import open_capture
from hcfres.data.errors import DataError
from hcfres.data.own_scan import ScanFiles, ScanFolder, open_own_scan
from hcfres.data.ply import Mesh, read_ply, write_ply
from hcfres.data.reprojection import agreement, radius_remark, world_points
from hcfres.data.scene import Frame
from hcfres.data.trajectory import read_trajectory, write_trajectory
from tests.data.captures import room
from tests.data.captures.test_layouts import NEEDS_K, WRITERS


def refused(scan):
    with pytest.raises(DataError) as error:
        open_own_scan(scan)
    return str(error.value)


@pytest.fixture
def folder(tmp_path):
    return room.redwood(tmp_path / "scan")


def change_poses(folder, change):
    path = folder / "scene" / "trajectory.log"
    write_trajectory(path, {n: change(pose) for n, pose in read_trajectory(path).items()})


@pytest.mark.parametrize("name", [n for n in WRITERS if n not in ("polycam", "record3d")])
def test_a_cloud_in_the_world_of_the_poses_is_landed_on(name, tmp_path):
    path = room.with_cloud(WRITERS[name](tmp_path / "scan"))
    k = room.camera_json(tmp_path / "k.json") if name in NEEDS_K else None
    scan = open_own_scan(ScanFolder(path, intrinsics=k))
    assert scan.landing.share > 0.95
    assert np.array_equal(scan.world_from_file, np.eye(4)), "z is up already"


@pytest.mark.parametrize("name", ["polycam", "record3d"])
def test_a_phones_world_is_turned_upright(name, tmp_path):
    """Without a cloud: the fused floor is level, whatever the phone called up."""
    scan = open_own_scan(ScanFolder(WRITERS[name](tmp_path / "scan"), voxel_m=0.05))
    heights = scan.upright_scene.vertices[:, 2]
    counts, _ = np.histogram(heights, bins=np.arange(heights.min(), heights.max(), 0.1))
    assert counts[0] > 0.15 * len(heights)
    assert any("agrees with other frames" in remark for remark in scan.remarks)
    assert any("in voxels of 5 cm" in remark for remark in scan.remarks)


POSE_MISTAKES = {
    "inverse": (np.linalg.inv, "the poses are world-to-camera. Invert the poses of"),
    "opengl": (lambda p: p @ room.FLIP, "the camera axes are OpenGL's"),
    "view": (
        lambda p: np.linalg.inv(p @ room.FLIP),
        "the poses are world-to-camera in OpenGL's (y up",
    ),
}


@pytest.mark.parametrize("with_cloud", [True, False], ids=["cloud", "none"])
@pytest.mark.parametrize(("change", "reason"), POSE_MISTAKES.values(), ids=POSE_MISTAKES)
def test_wrong_poses_are_named_with_a_cloud_and_without(folder, change, reason, with_cloud):
    if with_cloud:
        room.with_cloud(folder)
    change_poses(folder, change)
    message = refused(ScanFolder(folder))
    assert reason in message
    assert str(folder / "scene" / "trajectory.log") in message


UNITS = {"metres": (1.0, "metres"), "5000": (1 / 5000, "1/5000 m"), "0.2 m": (0.2, "1/5 m")}


@pytest.mark.parametrize("with_cloud", [True, False], ids=["cloud", "none"])
@pytest.mark.parametrize(("unit", "read"), UNITS.values(), ids=UNITS)
def test_a_wrong_unit_is_named_with_a_cloud_and_without(folder, unit, read, with_cloud):
    if with_cloud:
        room.with_cloud(folder)
    message = refused(ScanFolder(folder, depth_unit_m=unit))
    wanted = f"the depth images count in 1/1000 m (millimetres), but were read as {read}"
    assert message.endswith(f"{wanted}. Say so: --depth-unit 0.001")


def test_two_mistakes_at_once_are_both_named(folder):
    room.with_cloud(folder)
    change_poses(folder, np.linalg.inv)
    message = refused(ScanFolder(folder, depth_unit_m=1.0))
    assert "the poses are world-to-camera; and the depth images count in 1/1000" in message
    poses = folder / "scene" / "trajectory.log"
    both = "camera-to-world is wanted; and say so: --depth-unit 0.001"
    assert message.endswith(f"Invert the poses of {poses}: {both}")


def test_positions_in_millimetres_are_named(folder):
    def far(pose):
        pose = pose.copy()
        pose[:3, 3] *= 1000
        return pose

    room.with_cloud(folder)
    change_poses(folder, far)
    message = refused(ScanFolder(folder))
    assert "the poses are in millimetres, the cloud in metres" in message
    poses = folder / "scene" / "trajectory.log"
    assert message.endswith(f"Divide the positions in {poses} by 1000")


def respoil_polycam(folder, change):
    """Change the poses as they are in Polycam's files."""
    for path in sorted((folder / "keyframes" / "corrected_cameras").iterdir()):
        camera = json.loads(path.read_text())
        pose = np.eye(4)
        pose[:3] = [[camera[f"t_{i}{j}"] for j in range(4)] for i in range(3)]
        pose = change(pose)
        camera |= {f"t_{i}{j}": pose[i, j] for i in range(3) for j in range(4)}
        path.write_text(json.dumps(camera))


PHONE_MISTAKES = {
    "opencv": (
        lambda p: p @ room.FLIP,
        "the camera axes are OpenCV's (y down, z forward), where OpenGL's (y up, z backward) are "
        "expected. Turn the axes",
    ),
    "inverse": (np.linalg.inv, "the poses are world-to-camera. Invert the poses"),
    "view": (
        lambda p: np.linalg.inv(p @ room.FLIP),
        "the poses are world-to-camera in OpenCV's (y down, z forward), where OpenGL's",
    ),
}


@pytest.mark.parametrize(("change", "wanted"), PHONE_MISTAKES.values(), ids=PHONE_MISTAKES)
def test_wrong_poses_are_named_by_the_axes_that_the_layout_has(tmp_path, change, wanted):
    """Polycam's poses have OpenGL's axes and are turned: what is wrong are OpenCV's."""
    folder = room.polycam(tmp_path / "scan")
    respoil_polycam(folder, change)
    assert wanted in refused(ScanFolder(folder))


def test_positions_of_a_phone_in_metres_and_depth_in_millimetres_are_named(tmp_path):
    """Record3D's depth has no unit that could be told."""
    folder = room.record3d(tmp_path / "scan")
    for n, shot in enumerate(room.SHOTS):
        depth = (1000 * shot.depth).astype("<f4")
        room.put(folder / "rgbd" / f"{n}.depth", room.stored(depth.tobytes()))
    message = refused(ScanFolder(folder))
    assert "the depth images count in 1/1000 m (millimetres), but were read as metres" in message
    assert message.endswith(f"Multiply the depth images of {folder} by 0.001")


def test_a_cloud_in_the_frame_of_a_camera_is_named_and_accepted_when_said(folder):
    mesh, pose = room.cloud(), room.SHOTS[5].pose
    local = (mesh.vertices - pose[:3, 3]) @ pose[:3, :3]
    write_ply(folder / "cloud.ply", Mesh(local, mesh.colours, mesh.faces))
    message = refused(ScanFolder(folder))
    assert "as it seems, in that of the camera of pose 5. If it does, say so: --cloud-frame 5" in (
        message
    )
    scan = open_own_scan(ScanFolder(folder, cloud_frame=5))
    assert scan.landing.share > 0.95
    assert np.allclose(scan.upright_scene.vertices, mesh.vertices, atol=1e-4)
    up = tuple((pose[:3, :3].T @ [0.0, 0.0, 1.0]).tolist())
    told = open_own_scan(ScanFolder(folder, cloud_frame=5, up=up))
    assert np.allclose(told.upright_scene.vertices, mesh.vertices, atol=1e-4), "in its own frame"


def test_a_cloud_elsewhere_is_named(folder):
    mesh = room.cloud()
    moved = mesh.vertices + np.array([30, 0, 0], np.float32)
    write_ply(folder / "cloud.ply", Mesh(moved, mesh.colours, mesh.faces))
    message = refused(ScanFolder(folder))
    assert "0% of the depth of 8 frames lands within 8 cm of the cloud, 50% are needed" in message
    assert "in another frame of reference than the poses, or is of another scan" in message


def test_a_pose_cannot_be_the_frame_of_a_cloud_that_is_not_there(folder):
    assert "there is no cloud that could be in the frame" in refused(
        ScanFolder(folder, cloud_frame=0)
    )


def test_a_single_frame_is_fused_and_says_what_cannot_be_checked(tmp_path):
    folder = room.redwood(tmp_path / "scan")
    for n in range(1, 8):
        (folder / "depth" / f"{n:06d}.png").unlink()
    scan = open_own_scan(ScanFolder(folder))
    assert scan.frame_indices(scan.scene_id) == (0,)
    assert any("nothing to check poses, axes and units against" in r for r in scan.remarks)
    assert "7 frames lack an image or a valid pose and are left out." in scan.remarks


def test_frames_of_different_rooms_do_not_agree(folder):
    rng = np.random.default_rng(0)

    def anywhere(_):
        return room.look(*rng.uniform(-30, 30, 2), rng.uniform(0, 6))

    change_poses(folder, anywhere)
    message = refused(ScanFolder(folder))
    assert "of the depth of 4 frames agrees with other frames" in message
    assert "the poses are not those of these images" in message


def test_files_named_one_by_one_may_lack_the_cloud(folder):
    camera = room.camera_json(folder / "camera.json")
    files = ScanFiles(None, folder, folder / "scene" / "trajectory.log", camera)
    scan = open_own_scan(files)
    assert scan.scene_id == "scan"
    assert scan.landing.share > 0.7, "a quarter is seen by a single one of the eight"


def test_fused_points_lie_on_the_room_and_have_its_colours(folder):
    scan = open_own_scan(ScanFolder(folder))
    points, colours = scan.upright_scene.vertices, scan.upright_scene.colours
    away = np.minimum(np.abs(points - room.LOW), np.abs(points - room.HIGH))
    assert np.quantile(away.min(axis=1), 0.95) < 0.01
    inside = away.min(axis=1) < 0.01
    axis = away.argmin(axis=1)
    high = np.take_along_axis(np.abs(points - room.HIGH), axis[:, None], 1)[:, 0] < 0.1
    wanted = room.COLOURS[2 * axis + high]
    off = np.abs(colours.astype(int) - wanted).max(axis=1)[inside]
    assert np.median(off) < 12, "the images are JPEG"


def test_a_point_that_more_frames_see_through_than_confirm_is_left_out(tmp_path):
    """One camera: two frames see a wall at 2 m, three one at 3 m, so the nearer wall is gone."""
    text = ""
    for n, depth in enumerate((2.0, 2.0, 3.0, 3.0, 3.0)):
        wall = np.full((room.HEIGHT, room.WIDTH), depth)
        room.put(tmp_path / "depth" / f"{n}.png", room.depth_png(wall))
        colour = np.full((room.HEIGHT, room.WIDTH, 3), 90, np.uint8)
        room.put(tmp_path / "color" / f"{n}.png", room.colour_file(colour))
        text += f"{n} {n} {n + 1}\n{room.rows(np.eye(4))}"
    room.put(tmp_path / "trajectory.log", text)
    room.camera_json(tmp_path / "camera.json")
    fused = fuse(open_capture(tmp_path, Told()), 0.02)
    assert np.allclose(fused.mesh.vertices[:, 2], 3, atol=1e-3)
    both = room.HEIGHT * room.WIDTH * 2
    assert len(fused.mesh.vertices) <= both / 2
    assert 0.3 < fused.left_out < 0.6, "about half of the points were of the nearer wall"


def test_the_same_recording_is_fused_to_the_same_cloud(folder):
    first, second = (open_own_scan(ScanFolder(folder)) for _ in range(2))
    assert first.scene_hash("scan") == second.scene_hash("scan")
    assert first.frames_hash("scan") == second.frames_hash("scan")


def test_the_radius_is_held_against_the_spacing():
    """4 cm on points 3.4 cm apart is too little, 8 cm close, 11 cm enough."""
    few = radius_remark(0.034, 0.04)
    assert few is not None and "4.0 cm" in few and "3.4 cm" in few
    assert "many pixels will find no point" in few
    close = radius_remark(0.034, 0.08)
    assert close is not None and "which is close" in close
    assert radius_remark(0.034, 0.11) is None
    assert radius_remark(0.0, 0.04) is None, "a single point has no spacing"


def test_a_fused_cloud_without_colour_registration_is_read_back(folder, tmp_path):
    scan = open_own_scan(ScanFolder(folder))
    mesh = Mesh(scan.upright_scene.vertices, scan.upright_scene.colours, np.zeros((0, 3), int))
    write_ply(tmp_path / "fused.ply", mesh)
    again = open_own_scan(ScanFolder(folder, cloud=tmp_path / "fused.ply"))
    assert again.landing.share == pytest.approx(scan.landing.share, abs=0.01)
    assert len(read_ply(tmp_path / "fused.ply").vertices) == len(mesh.vertices)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 10), st.integers(2, 6))
def test_agreement_does_not_depend_on_the_size_of_the_world(scale, count):
    """Depth and positions in another unit, within 20 m, agree as much."""
    frames = tuple(
        Frame(n, np.zeros((1, 1, 3), np.uint8), shot.depth * min(scale, 5), room.K, shot.pose)
        for n, shot in enumerate(room.SHOTS[:count])
    )
    moved = tuple(
        Frame(f.index, f.colour, f.depth, f.intrinsics, scaled(f.camera_to_world, min(scale, 5)))
        for f in frames
    )
    whole = agreement(
        tuple(
            Frame(n, np.zeros((1, 1, 3), np.uint8), shot.depth, room.K, shot.pose)
            for n, shot in enumerate(room.SHOTS[:count])
        )
    )
    assert agreement(moved).share == pytest.approx(whole.share, abs=0.02)


def scaled(pose, factor):
    pose = pose.copy()
    pose[:3, 3] *= factor
    return pose


def test_a_choice_of_pixels_lies_where_all_of_them_lie():
    shot = room.SHOTS[0]
    frame = Frame(0, np.zeros((1, 1, 3), np.uint8), shot.depth, room.K, shot.pose)
    everything, some = world_points(frame, 10**6), world_points(frame, 200)
    assert len(everything) == room.WIDTH * room.HEIGHT
    assert 100 <= len(some) <= 400
    nearest = np.abs(some[:, None] - everything[None]).sum(axis=2).min(axis=1)
    assert nearest.max() < 1e-9
