"""The cameras of a scanner: which case they are, what is assumed where a file is not there."""

import numpy as np
import pytest

from hcfres.data.calibration import Pinhole, Rig, read_rig
from hcfres.data.errors import DataError
from hcfres.data.frame_layouts import POSED_IMAGES, SENSREADER
from hcfres.data.poses import write_matrix

COLOUR, DEPTH = (968, 1296), (480, 640)


def K(fx: float, fy: float, mx: float, my: float) -> np.ndarray:
    return np.array([[fx, 0, mx], [0, fy, my], [0, 0, 1.0]])


OF_COLOUR = K(1170.187988, 1170.187988, 647.75, 483.75)
OF_DEPTH = K(571.623718, 571.623718, 319.5, 239.5)
COLOUR_TO_DEPTH = np.array(
    [
        [0.999977, 0.004401, 0.005230, -0.037931],
        [-0.004314, 0.999852, -0.016630, -0.003321],
        [-0.005303, 0.016607, 0.999848, -0.021860],
        [0, 0, 0, 1],
    ]
)


def write(folder, **matrices: np.ndarray | None):
    """Files of `intrinsic/` by name; None leaves one out."""
    usual = {"intrinsic_color": OF_COLOUR, "intrinsic_depth": OF_DEPTH}
    for name, matrix in (usual | matrices).items():
        if matrix is not None:
            whole = np.eye(4)
            whole[: len(matrix), : len(matrix)] = matrix
            write_matrix(folder / "intrinsic" / f"{name}.txt", whole)
    return folder


def test_scaling_keeps_the_view():
    """Half the pixels: the edges of pixel 0, -0.5 and 0.5, become those of half of it."""
    half = Pinhole(K(40, 30, 15.5, 11.5), (24, 32)).scaled((12, 16))
    assert np.allclose(half.intrinsics, K(20, 15, 7.5, 5.5))
    assert np.allclose(half.scaled((24, 32)).intrinsics, K(40, 30, 15.5, 11.5))


def test_two_resolutions_of_one_view_are_registered():
    """K of both images of a released recording: equal but for the number of pixels."""
    colour = K(1169.621094, 1167.105103, 646.295044, 489.927032)
    depth = K(577.590698, 578.729797, 318.905426, 242.683609)
    assert Rig(Pinhole(colour, COLOUR), Pinhole(depth, DEPTH), np.eye(4)).registered


def test_half_a_pixel_at_a_corner_is_where_registration_begins():
    """A principal point off by 0.4 depth pixels is let pass, by 0.6 it is not."""
    depth = Pinhole(K(570, 570, 319.5, 239.5), DEPTH)
    for off, expected in ((0.4, True), (0.6, False)):
        moved = Pinhole(depth.intrinsics + K(0, 0, off, 0) - np.diag([0, 0, 1]), DEPTH)
        assert Rig(moved.scaled(COLOUR), depth, np.eye(4)).registered is expected


def test_a_focal_length_one_percent_off_is_not_registered(tmp_path):
    """319.5 (1170.19 x 640 / 1296 / 571.62 - 1) = 3.5 pixels at the left and right edge."""
    rig = read_rig(write(tmp_path), SENSREADER, COLOUR, DEPTH)
    assert rig.parallel
    assert not rig.registered


def test_a_centimetre_between_the_cameras_is_not_registered():
    depth = Pinhole(OF_DEPTH, DEPTH)
    between = np.eye(4)
    between[0, 3] = 0.01
    rig = Rig(depth.scaled(COLOUR), depth, between)
    assert not rig.parallel
    assert not rig.registered


def test_the_depth_cameras_extrinsics_lead_to_the_colour_camera(tmp_path):
    """The scanner's own file has the inverse: the colour camera is 2 cm behind the depth camera."""
    write(tmp_path, extrinsic_depth=np.linalg.inv(COLOUR_TO_DEPTH), extrinsic_color=np.eye(4))
    found = read_rig(tmp_path, SENSREADER, COLOUR, DEPTH).depth_to_colour
    assert np.allclose(found, np.linalg.inv(COLOUR_TO_DEPTH), atol=2e-6)
    assert found[2, 3] > 0.02


def test_extrinsics_of_both_cameras_lead_into_one_frame(tmp_path):
    both = np.eye(4)
    both[:3, 3] = 0.3, -0.2, 0.1
    write(tmp_path, extrinsic_depth=both, extrinsic_color=both)
    assert read_rig(tmp_path, SENSREADER, COLOUR, DEPTH).parallel


def test_without_the_colour_cameras_matrix_images_of_one_shape_show_one_view(tmp_path):
    write(tmp_path, intrinsic_color=None)
    assert read_rig(tmp_path, SENSREADER, COLOUR, DEPTH).registered
    with pytest.raises(DataError, match="1296x700 colour cannot show the view of 640x480 depth"):
        read_rig(tmp_path, SENSREADER, (700, 1296), DEPTH)


def test_without_the_colour_cameras_matrix_it_must_not_stand_apart(tmp_path):
    write(tmp_path, intrinsic_color=None, extrinsic_depth=np.linalg.inv(COLOUR_TO_DEPTH))
    with pytest.raises(DataError, match=r"intrinsic_color\.txt: .* its K is missing"):
        read_rig(tmp_path, SENSREADER, COLOUR, DEPTH)


def test_without_the_depth_cameras_matrix_nothing_is_read(tmp_path):
    write(tmp_path, intrinsic_depth=None)
    with pytest.raises(DataError, match=r"intrinsic_depth\.txt: there is no such file"):
        read_rig(tmp_path, SENSREADER, COLOUR, DEPTH)


@pytest.mark.parametrize("size", [(480, 640), (240, 320), (484, 648)])
def test_registered_colour_that_was_resampled_later_is_still_registered(tmp_path, size):
    """K still is that of the camera's own images."""
    depth = Pinhole(OF_COLOUR, COLOUR).scaled(DEPTH).intrinsics
    write(tmp_path, intrinsic_depth=depth)
    assert read_rig(tmp_path, SENSREADER, size, DEPTH).registered


def test_another_colour_camera_whose_images_were_resampled_later_is_refused(tmp_path):
    write(tmp_path, intrinsic_depth=K(500, 500, 319.5, 239.5))
    with pytest.raises(DataError) as error:
        read_rig(tmp_path, SENSREADER, (480, 640), DEPTH)
    for part in ("intrinsic_color.txt", "mx 647.75", "640x480 colour", "in their pixels"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("name", "matrix", "said"),
    [
        ("intrinsic_depth", K(np.nan, 570, 319.5, 239.5), "are not those of 640x480 depth"),
        ("intrinsic_depth", K(570, 570, 641, 239.5), "are not those of 640x480 depth"),
        ("intrinsic_depth", K(1e9, 570, 319.5, 239.5), "no camera has such a K"),
        ("intrinsic_color", K(np.inf, 570, 319.5, 239.5), "are not those of 1296x968 colour"),
        ("intrinsic_color", K(20, 20, 647.75, 483.75), "are not those of 1296x968 colour"),
        ("intrinsic_color", K(-1170, 1170, 647.75, 483.75), "are not those of 1296x968 colour"),
        ("intrinsic_depth", OF_DEPTH + np.eye(3, k=1), "K has skew 1 and 0"),
        ("intrinsic_color", OF_COLOUR + np.eye(3, k=-1), "K has skew 0 and 1"),
        ("extrinsic_depth", np.diag([2.0, 2, 2, 1]), "not a rotation and a translation"),
        ("extrinsic_depth", np.full((4, 4), np.inf), "the extrinsics are not finite"),
        ("extrinsic_color", np.eye(4) + 38 * np.eye(4, k=3), "38 m apart: are these millimetres"),
    ],
)
def test_matrices_that_cannot_be_are_refused_by_name(tmp_path, name, matrix, said):
    write(tmp_path, **{name: matrix})
    with pytest.raises(DataError, match=said) as error:
        read_rig(tmp_path, SENSREADER, COLOUR, DEPTH)
    assert f"{name}.txt" in str(error.value)


def test_where_only_the_colour_cameras_matrix_is_known_depth_shows_its_view(tmp_path):
    write_matrix(tmp_path / "intrinsic.txt", np.pad(OF_COLOUR, (0, 1)) + np.diag([0, 0, 0, 1]))
    rig = read_rig(tmp_path, POSED_IMAGES, COLOUR, DEPTH)
    assert rig.registered
    assert np.allclose(rig.depth.intrinsics, K(577.87061, 580.25851, 319.62346, 239.62397))
    with pytest.raises(DataError, match="1296x968 colour cannot show the view of 640x300 depth"):
        read_rig(tmp_path, POSED_IMAGES, COLOUR, (300, 640))
