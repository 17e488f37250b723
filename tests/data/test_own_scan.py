"""A scan nobody prepared: parts that fit are taken, others refused with the share."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hcfres.data.errors import DataError
from hcfres.data.own_scan import ScanFiles, open_own_scan
from hcfres.data.ply import Mesh, read_ply, write_ply
from hcfres.data.reprojection import landing
from hcfres.data.trajectory import read_trajectory, write_trajectory

K = np.array([[60.0, 0, 31.5], [0, 60.0, 23.5], [0, 0, 1]])


def look(x, y, heading=0.0):
    """A camera at height 1.5, upright, looking down by 45 degrees along +y turned by `heading`."""
    half = np.sqrt(0.5)
    cosine, sine = np.cos(heading), np.sin(heading)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    pose = np.eye(4)
    pose[:3, :3] = turn @ np.array([[1, 0, 0], [0, -half, half], [0, -half, -half]])
    pose[:3, 3] = (x, y, 1.5)
    return pose


def floor_depth(pose):
    """The depth of the floor z = 0, worked out from the rays."""
    v, u = np.mgrid[:48, :64]
    rays = np.stack([(u - 31.5) / 60, (v - 23.5) / 60, np.ones_like(u)], axis=-1)
    down = rays @ pose[2, :3]
    depth = np.where(down < -0.05, -pose[2, 3] / down, 0)
    return np.where(depth < 8, depth, 0)


@pytest.fixture
def files(tmp_path):
    """A floor of points 4 cm apart seen by three cameras; their numbers have gaps."""
    (tmp_path / "image").mkdir()
    (tmp_path / "depth").mkdir()
    poses = {0: look(0, 0), 20: look(0.5, 0.3, 0.8), 40: look(1, 0, 1.6), 41: look(1, 1)}
    for index in (0, 20, 40):
        counts = np.rint(floor_depth(poses[index]) * 1000).astype(np.uint16)
        Image.fromarray(counts).save(tmp_path / "depth" / f"{index:05d}.png")
        colour = np.full((96, 128, 3), 40 + index, np.uint8)
        Image.fromarray(colour).save(tmp_path / "image" / f"{index:05d}.jpg")
    grid = np.stack(np.meshgrid(np.arange(-200, 200), np.arange(-100, 300)), -1).reshape(-1, 2)
    vertices = np.c_[grid * 0.04, np.zeros(len(grid))].astype(np.float32)
    colours = np.full(vertices.shape, 90, np.uint8)
    write_ply(tmp_path / "my cloud.ply", Mesh(vertices, colours, np.zeros((0, 3), int)))
    write_trajectory(tmp_path / "poses.log", poses)
    camera = {"width": 64, "height": 48, "intrinsic_matrix": K.T.reshape(-1).tolist()}
    (tmp_path / "camera.json").write_text(json.dumps(camera))
    return ScanFiles(
        tmp_path / "my cloud.ply", tmp_path, tmp_path / "poses.log", tmp_path / "camera.json"
    )


def change(files, **values):
    return ScanFiles(**files.__dict__ | values)


def refused(files):
    with pytest.raises(DataError) as error:
        open_own_scan(files)
    return str(error.value)


def test_a_scan_whose_parts_fit_is_read_like_a_dataset_of_one_scene(files):
    scan = open_own_scan(files)
    name = scan.scene_id
    assert name == "my_cloud"
    assert scan.frame_indices(name) == (0, 20, 40)
    assert scan.frame_indices(name, every=2) == (0, 40)
    assert scan.landing.share > 0.99
    assert np.isclose(scan.landing.radius_m, 0.08), "twice the spacing"
    assert np.array_equal(scan.world_from_file, np.eye(4)), "z is up already"
    scene = scan.scene(name)
    assert scene.objects == () and set(scene.instances) == {-1} and scene.segments is None
    frame = scan.frame(name, 20, size=(24, 32))
    assert frame.colour.shape == (24, 32, 3)
    assert frame.depth.shape == (48, 64)
    assert frame.colour[0, 0].tolist() == [60, 60, 60]
    with pytest.raises(DataError, match="this scan is my_cloud, not other"):
        scan.scene("other")


def test_what_was_assumed_skipped_and_measured_is_said(files):
    (files.frames / "depth" / "00040.png").unlink()
    scan = open_own_scan(files)
    assert scan.remarks == (
        "Layout: Redwood / Open3D.",
        "Poses: 4, camera to world, 4 x 4 matrices in OpenCV's axes; a pose belongs to the image "
        "of its number.",
        "Depth: 16-bit, 1000 counts a metre.",
        "Intrinsics: fx 60.0, fy 60.0, mx 31.5, my 23.5 at 64x48, as given.",
        "2 frames are used.",
        "1 frames lack an image or a valid pose and are left out.",
        "100% of the depth of 2 frames lands within 8 cm of the cloud.",
    )


def turned(files, turn):
    """The same scan in a frame of reference turned by `turn`."""

    mesh = read_ply(files.cloud)
    write_ply(files.cloud, Mesh(mesh.vertices @ turn[:3, :3].T, mesh.colours, mesh.faces))
    poses = read_trajectory(files.poses)
    write_trajectory(files.poses, {i: turn @ pose for i, pose in poses.items()})
    return files


Y_DOWN = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


def test_a_scan_in_a_cameras_frame_is_turned_upright_and_can_be_turned_back(files):
    """Open3D's fragments have y down: what was (x, y, z) in the room is (x, -z, y)."""
    original = open_own_scan(files).scene("my_cloud").vertices
    scan = open_own_scan(turned(files, Y_DOWN))
    found = scan.scene("my_cloud").vertices
    assert np.ptp(found[:, 2]) < 0.01, "the floor is level"
    back = found @ np.linalg.inv(scan.world_from_file)[:3, :3].T
    assert np.allclose(back, original @ Y_DOWN[:3, :3].T, atol=1e-4)
    assert any(remark.startswith("Up is (") for remark in scan.remarks)
    assert landing(found, tuple(scan.frame("my_cloud", i) for i in scan.poses)).share > 0.99


def test_up_can_be_said(files):
    scan = open_own_scan(change(files, up=(1.0, 0.0, 0.0)))
    assert np.allclose(scan.world_from_file[:3, 0], [0, 0, 1])
    assert "up is (0.0, 0.0, 0.0)" in refused(change(files, up=(0.0, 0.0, 0.0)))


def spoil_poses(files, change_pose):

    poses = read_trajectory(files.poses)
    write_trajectory(files.poses, {i: change_pose(pose) for i, pose in poses.items()})
    return files


MISTAKES = {
    "inverse": (
        np.linalg.inv,
        "the poses are world-to-camera. Invert the poses of {}: camera-to-world is wanted",
    ),
    "opengl": (
        lambda p: p @ np.diag([1.0, -1, -1, 1]),
        "the camera axes are OpenGL's (y up, z backward), where OpenCV's (y down, z forward) are "
        "expected. Turn the axes of the poses of {}: change the signs of the second and third "
        "column of each rotation",
    ),
    "elsewhere": (
        lambda p: Y_DOWN @ p,
        "the cloud lies in another frame of reference than the poses, or is of another scan. Give "
        "the cloud that was fused with the poses of {}, or its own poses",
    ),
}


@pytest.mark.parametrize(("mistake", "end"), MISTAKES.values(), ids=MISTAKES)
def test_poses_that_do_not_fit_are_refused_with_share_reason_and_way_out(files, mistake, end):
    message = refused(spoil_poses(files, mistake))
    assert message.startswith(f"{files.cloud}: ")
    assert "of the depth of 3 frames lands within 8 cm of the cloud, 50% are needed" in message
    assert message.endswith(end.format(files.poses))


def test_a_wrong_depth_unit_and_a_cloud_in_millimetres_are_recognised(files):
    for unit, read in ((0.005, "1/200 m"), (1.0, "metres"), (1 / 5000, "1/5000 m")):
        message = refused(change(files, depth_unit_m=unit))
        wanted = f"the depth images count in 1/1000 m (millimetres), but were read as {read}"
        assert message.endswith(f"{wanted}. Say so: --depth-unit 0.001")
    mesh = read_ply(files.cloud)
    write_ply(files.cloud, Mesh(mesh.vertices * 1000, mesh.colours, mesh.faces))
    message = refused(files)
    assert "the cloud is in millimetres, the poses in metres" in message
    assert message.endswith(f"Divide the coordinates of {files.cloud} by 1000")


def test_intrinsics_of_other_images_or_none_for_an_unusual_size_are_refused(files):
    message = refused(change(files, intrinsics=None))
    assert "depth of 64x48 and no intrinsics; only 640x480 has a default" in message
    camera = json.loads(files.intrinsics.read_text()) | {"width": 640}
    files.intrinsics.write_text(json.dumps(camera))
    assert "for 640x48, the depth is 64x48" in refused(files)


def test_colour_that_cannot_show_the_same_view_is_refused(files):
    Image.fromarray(np.zeros((90, 160, 3), np.uint8)).save(files.frames / "image" / "00000.jpg")
    assert "160x90 colour cannot show the view of 64x48 depth" in refused(files)


def test_a_cloud_without_colours_is_refused(files):
    text = "ply\nformat ascii 1.0\nelement vertex 1\n"
    text += "".join(f"property float {n}\n" for n in "xyz") + "end_header\n0 0 0\n"
    files.cloud.write_text(text)
    assert "the cloud has no colours" in refused(files)


def test_frames_without_poses_are_refused_with_the_counts(files):
    write_trajectory(files.poses, {1: np.eye(4)})
    message = refused(files)
    assert "no frame is complete: 3 colour and 3 depth images, 3 pairs, 0 of them with" in message
    assert "a pose belongs to the image whose number it has" in message


def test_a_folder_without_colour_images_is_refused(files):
    shutil.rmtree(files.frames / "image")
    assert "the folder has no colour folder" in refused(files)
    (files.frames / "image").mkdir()
    (files.frames / "rgb").mkdir()
    assert "the folder has image and rgb" in refused(files)


def test_hashes_follow_content_not_place(files, tmp_path):
    def hashes(given):
        scan = open_own_scan(given)
        return scan.scene_hash(scan.scene_id), scan.frames_hash(scan.scene_id)

    before = hashes(files)
    there = tmp_path / "there"
    shutil.copytree(files.frames, there)
    moved = ScanFiles(there / "my cloud.ply", there, there / "poses.log", there / "camera.json")
    assert hashes(moved) == before
    Image.fromarray(np.zeros((96, 128, 3), np.uint8)).save(there / "image" / "00020.jpg")
    after = hashes(moved)
    assert after[0] == before[0]
    assert after[1] != before[1]


@pytest.fixture
def livingroom(samples):
    folder = samples / "open3d_livingroom1"
    cloud = folder / "fragments" / "slac_fragment_000.ply"
    return ScanFiles(cloud, folder, folder / "test_scene" / "trajectory.log")


def test_the_living_room_fits_its_trajectory(livingroom):
    """Measured: 97 % of the depth lands within 7 cm; the cloud's spacing is 3.4 cm."""
    scan = open_own_scan(livingroom)
    name = scan.scene_id
    assert name == "slac_fragment_000"
    assert scan.frame_indices(name) == tuple(range(0, 211, 10))
    assert 0.95 < scan.landing.share <= 1
    assert 0.06 < scan.landing.radius_m < 0.08
    assert any("525 / 525 / 319.5 / 239.5 at 640x480 is assumed" in r for r in scan.remarks)
    heights = scan.scene(name).vertices[:, 2]
    counts, _ = np.histogram(heights, bins=np.arange(heights.min(), heights.max() + 0.05, 0.05))
    assert counts[0] > 0.2 * len(heights), "turned upright, the floor is one level"


def test_a_fragment_in_another_frame_is_refused(livingroom):
    """Measured: 9 % of the depth lands on fragment_002."""
    message = refused(change(livingroom, cloud=livingroom.cloud.with_name("fragment_002.ply")))
    share = int(message.split(": ")[1].split("%")[0])
    assert 5 <= share <= 15
    assert "the cloud lies in another frame of reference than the poses" in message
    assert "as it seems, in that of the camera of pose 200" in message
    assert "If it does, say so: --cloud-frame 200." in message


def test_a_fragment_is_accepted_with_the_frame_it_is_in(livingroom):
    """Measured: 77 % of the depth of all frames lands on it; it was fused from frames 200 on."""
    cloud = livingroom.cloud.with_name("fragment_002.ply")
    scan = open_own_scan(change(livingroom, cloud=cloud, cloud_frame=200))
    assert 0.7 < scan.landing.share < 0.85
    assert "The cloud is in the frame of pose 200." in scan.remarks
    back = np.linalg.inv(scan.world_from_file)
    found = scan.scene("fragment_002").vertices @ back[:3, :3].T + back[:3, 3]
    assert np.allclose(found, read_ply(cloud).vertices, atol=1e-4), "answers go back to its frame"


def test_the_frame_of_a_pose_that_is_not_there_is_refused(livingroom):
    message = refused(change(livingroom, cloud_frame=211))
    assert "there is no pose 211 to take the cloud's frame from. They go from 0 to 210" in message


def test_without_a_cloud_one_is_fused_from_the_frames(livingroom):
    """Measured: 82 % of 40623 points lie within 3 cm of slac_fragment_000, whose points are 3.4 cm
    apart and which covers a part of the room; 91 % within 3 cm of it and fragment_002 together;
    92 % of its points within 3 cm of a fused one."""
    scan = open_own_scan(change(livingroom, cloud=None))
    assert scan.scene_id == "open3d_livingroom1"
    assert any("points are fused from 22 of 22 frames in voxels of 2 cm" in r for r in scan.remarks)
    assert not any(remark.startswith("Warning: ") for remark in scan.remarks)
    back = np.linalg.inv(scan.world_from_file)
    fused = scan.scene(scan.scene_id).vertices @ back[:3, :3].T
    assert 30_000 < len(fused) < 50_000
    assert 0.01 < scan.spacing_m < 0.02
    first = read_ply(livingroom.cloud).vertices
    pose = scan.capture.poses[200]
    second = read_ply(livingroom.cloud.with_name("fragment_002.ply")).vertices
    second = second @ pose[:3, :3].T + pose[:3, 3]
    assert near(fused, first) > 0.78
    assert near(fused, np.concatenate([first, second])) > 0.88
    assert near(first, fused) > 0.88


def spoiled(livingroom, tmp_path, change_poses):
    """The living room without a cloud, its poses changed as a whole."""
    poses = read_trajectory(livingroom.poses)
    write_trajectory(tmp_path / "spoiled.log", change_poses(poses))
    return change(livingroom, cloud=None, poses=tmp_path / "spoiled.log")


def as_if_w_came_first(pose):
    """A quaternion that was written w x y z and read as x y z w."""
    pose = pose.copy()
    x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat()
    pose[:3, :3] = Rotation.from_quat([w, x, y, z]).as_matrix()
    return pose


WRONG = {
    "quaternions": lambda poses: {n: as_if_w_came_first(pose) for n, pose in poses.items()},
    "three images late": lambda poses: {n: poses[min(n + 30, 210)] for n in poses},
}


@pytest.mark.parametrize(
    "wrong",
    [
        WRONG["quaternions"],
        pytest.param(WRONG["three images late"], marks=pytest.mark.slow),
    ],
    ids=WRONG,
)
def test_a_fused_cloud_on_which_the_depth_does_not_land_is_refused(livingroom, tmp_path, wrong):
    message = refused(spoiled(livingroom, tmp_path, wrong))
    assert "of the depth of 22 frames lands within 4 cm of the cloud" in message
    assert "of the fused points are confirmed by too few frames: the poses are not those" in message
    assert f"Put right the poses of {tmp_path / 'spoiled.log'}" in message


def half_as_far(poses):
    scale = np.ones((4, 4))
    scale[:3, 3] = 0.5
    return {n: pose * scale for n, pose in poses.items()}


def test_a_fused_cloud_with_many_points_left_out_is_warned_of(livingroom, tmp_path):
    """Measured with positions of half the scale: 46 % of the fused points are left out; as they
    are, 8 %, and nothing is warned of."""
    scan = open_own_scan(spoiled(livingroom, tmp_path, half_as_far))
    (warning,) = (remark for remark in scan.remarks if remark.startswith("Warning: "))
    assert "of the depth agrees with other frames" in warning
    assert "46% of the fused points are confirmed by too few frames" in warning
    assert f"check the poses of {tmp_path / 'spoiled.log'}" in warning


def renumbered(livingroom, tmp_path, poses_of):
    """Every tenth image as number 1, 2 .., and poses as told of image numbers and poses."""
    for folder in ("image", "depth"):
        (tmp_path / folder).mkdir()
        for n, file in enumerate(sorted((livingroom.frames / folder).iterdir()), 1):
            shutil.copy(file, tmp_path / folder / f"{n:06d}{file.suffix}")
    poses = read_trajectory(livingroom.poses)
    right = {n: poses[10 * (n - 1)] for n in range(1, 23)}
    write_trajectory(tmp_path / "poses.log", poses_of(right))
    return change(livingroom, cloud=None, frames=tmp_path, poses=tmp_path / "poses.log")


def test_numbers_that_are_off_by_one_are_found_by_the_depth(livingroom, tmp_path):
    """Images 1 .. 22, poses 0 .. 20, the first of which belongs to image 1."""
    files = renumbered(
        livingroom, tmp_path, lambda right: {n - 1: right[n] for n in right if n < 22}
    )
    capture = files.capture()
    assert capture.usable() == tuple(range(1, 22))
    poses = read_trajectory(livingroom.poses)
    assert all(np.allclose(capture.poses[n], poses[10 * (n - 1)]) for n in capture.usable())
    wanted = "pose n belongs to the image of number n + 1, with which 100% of the depth agrees with"
    assert any(wanted in remark for remark in capture.remarks)


def test_numbers_that_fit_stay_where_some_have_no_partner(livingroom, tmp_path):
    """The poses of images 1 and 2 are missing: by number 100 % agrees, by offsets less."""
    files = renumbered(livingroom, tmp_path, lambda right: {n: right[n] for n in right if n > 2})
    capture = files.capture()
    assert capture.usable() == tuple(range(3, 23))
    (said,) = (remark for remark in capture.remarks if remark.startswith("Poses: "))
    assert "the image of its number; 2 images have none (100% of the depth agrees, with an" in said


def test_as_many_images_and_poses_are_not_matched_by_order_where_numbers_fit(livingroom, tmp_path):
    """Pose 6 is missing and there is a pose 30: by order, all from image 6 on would be wrong."""
    files = renumbered(
        livingroom, tmp_path, lambda right: {n: right[n] for n in right if n != 6} | {30: right[22]}
    )
    capture = files.capture()
    assert capture.usable() == tuple(n for n in range(1, 23) if n != 6)
    (said,) = (remark for remark in capture.remarks if remark.startswith("Poses: "))
    assert "a pose belongs to the image of its number, with which 99%" in said
    assert "not the rule that images and poses are numbered differently" in said


def near(points, others):
    """The share of points within 3 cm of another cloud."""
    return (cKDTree(others).query(points)[0] < 0.03).mean()
