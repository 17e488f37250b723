"""Colour registered to depth: every case by hand, against a slow reference, and rendered."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import binary_dilation

from hcfres.data.calibration import Pinhole, Rig
from hcfres.data.registration import COVERED_PX, register


def K(fx: float, mx: float, my: float = 1.0, fy: float | None = None) -> np.ndarray:
    return np.array([[fx, 0, mx], [0, fy or fx, my], [0, 0, 1.0]])


def ramp(height: int, width: int, step: int = 10) -> np.ndarray:
    """Red is `step` times the column, green `step` times the row."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = step * np.arange(width)
    image[..., 1] = step * np.arange(height)[:, None]
    return image


def apart(x: float = 0.0, y: float = 0.0, z: float = 0.0, turn: float = 0.0) -> np.ndarray:
    """Depth to colour: a shift in metres and a turn about the vertical axis in radians."""
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    matrix[[0, 0, 2, 2], [0, 2, 0, 2]] = np.cos(turn), np.sin(turn), -np.sin(turn), np.cos(turn)
    return matrix


def row_rig(shift_m: float, width: int = 16) -> Rig:
    """Two cameras of focal length 8 pixels side by side, images of three rows."""
    camera = Pinhole(K(8, (width - 1) / 2), (3, width))
    return Rig(camera, camera, apart(shift_m))


# Case 1: the colour image already shows the view.


@pytest.mark.parametrize("size", [(12, 16), (48, 64), (31, 57), (1, 1)])
def test_registered_colour_is_only_resampled(size):
    colour = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    depth = Pinhole(K(28, 15.5, 11.5), (24, 32))
    rig = Rig(depth.scaled((48, 64)), depth, np.eye(4))
    found = register(colour, np.ones((24, 32), np.float32), rig, size)
    image = Image.fromarray(colour).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    assert np.array_equal(found.colour, np.asarray(image))
    assert found.seen is None


def test_registered_colour_at_its_own_size_is_untouched():
    colour, depth = ramp(6, 8), Pinhole(K(4, 1.5), (3, 4))
    rig = Rig(depth.scaled((6, 8)), depth, np.eye(4))
    assert register(colour, np.ones((3, 4), np.float32), rig).colour is colour


# Case 2: other focal lengths, one place.


def test_a_wider_colour_camera_is_magnified():
    """u_colour = 4 / 8 (u_depth - 3.5) + 3.5 = 0.5 u_depth + 1.75, red 20 times that."""
    rig = Rig(Pinhole(K(4, 3.5, 3.5), (8, 8)), Pinhole(K(8, 3.5, 3.5), (8, 8)), np.eye(4))
    found = register(ramp(8, 8, 20), np.zeros((8, 8), np.float32), rig)
    assert found.colour[0, :, 0].tolist() == [35, 45, 55, 65, 75, 85, 95, 105]
    assert found.colour[:, 0, 1].tolist() == [35, 45, 55, 65, 75, 85, 95, 105]
    assert found.seen is None


def test_a_narrower_colour_camera_leaves_a_black_border():
    """u_colour = 2 u_depth - 3.5: pixels 0, 1 show -3.5, -1.5 and lie outside, as do 6 and 7."""
    rig = Rig(Pinhole(K(16, 3.5, 3.5), (8, 8)), Pinhole(K(8, 3.5, 3.5), (8, 8)), np.eye(4))
    found = register(np.full((8, 8, 3), 200, np.uint8), np.zeros((8, 8), np.float32), rig)
    inside = np.zeros((8, 8), bool)
    inside[2:6, 2:6] = True
    assert np.array_equal(found.seen, inside)
    assert np.array_equal(found.colour[..., 0], np.where(inside, 200, 0))


def test_a_shifted_principal_point_moves_the_image():
    """u_colour = u_depth + 3: the last three columns are outside, but for half a pixel."""
    rig = Rig(Pinhole(K(8, 6.5), (3, 8)), Pinhole(K(8, 3.5), (3, 8)), np.eye(4))
    found = register(ramp(3, 8), np.zeros((3, 8), np.float32), rig)
    assert found.colour[1, :, 0].tolist() == [30, 40, 50, 60, 70, 0, 0, 0]
    assert found.seen[1].tolist() == [True] * 5 + [False] * 3


@settings(max_examples=40, deadline=None)
@given(
    focal=st.floats(0.5, 2.0),
    centre=st.floats(-4, 4),
    size=st.tuples(st.integers(8, 40), st.integers(8, 40)),
)
def test_resampling_by_rows_and_columns_follows_the_homography(focal, centre, size):
    """A linear image stays linear: a pixel has the value of its place, to a fifth of a pixel."""
    camera = Pinhole(K(30 * focal, 15.5 + centre, 11.5 - centre), (24, 32))
    rig = Rig(camera, Pinhole(K(30, 15.5, 11.5), (24, 32)), np.eye(4))
    assume(not rig.registered)  # else it is the first case, with a tolerance of its own
    found = register(ramp(24, 32, 7), np.zeros((24, 32), np.float32), rig, size)
    view = rig.depth.scaled(size).intrinsics
    down, along = np.indices(size)
    u = (along - view[0, 2]) / view[0, 0] * camera.intrinsics[0, 0] + camera.intrinsics[0, 2]
    v = (down - view[1, 2]) / view[1, 1] * camera.intrinsics[1, 1] + camera.intrinsics[1, 2]
    steps = camera.intrinsics[[0, 1], [0, 1]] / view[[0, 1], [0, 1]]
    margin = np.maximum(1, steps) + 0.01
    inner = (u >= margin[0]) & (u <= 31 - margin[0]) & (v >= margin[1]) & (v <= 23 - margin[1])
    seen = np.ones(size, bool) if found.seen is None else found.seen
    assert seen[inner].all()
    off = found.colour[inner][:, :2] - 7 * np.stack([u, v], -1)[inner]
    assert np.abs(off).max(initial=0) <= 0.5 + 7 * 0.2
    assert not found.colour[~seen].any()


# Case 3: one camera stands apart.


def test_a_shifted_camera_moves_what_is_near_more():
    """f t / depth = 8 x 0.25 / 1 = 2 pixels at a metre, 1 pixel at two metres."""
    for depth, expected in ((1.0, [20, 30, 40]), (2.0, [10, 20, 30])):
        found = register(ramp(3, 16), np.full((3, 16), depth, np.float32), row_rig(0.25))
        assert found.colour[1, :3, 0].tolist() == expected


def test_what_lies_outside_the_colour_image_is_black():
    found = register(ramp(3, 16), np.full((3, 16), 1.0, np.float32), row_rig(0.25))
    assert found.colour[1, 13:, 0].tolist() == [150, 0, 0]
    assert found.seen[1, 13:].tolist() == [True, False, False]


def test_a_hole_takes_the_depth_of_the_nearest_measured_pixel():
    """Pixels 1..3 have none: 1 is nearer to the metre at 0, 3 to the two at 4, 2 goes left."""
    depth = np.full((3, 16), 2.0, np.float32)
    depth[:, 0] = 1
    depth[:, 1:4] = 0
    depth[:, 2] = np.nan
    found = register(ramp(3, 16), depth, row_rig(0.25))
    assert found.colour[1, :5, 0].tolist() == [20, 30, 40, 40, 50]


def test_without_any_depth_everything_is_far_away():
    found = register(ramp(3, 16), np.zeros((3, 16), np.float32), row_rig(0.25))
    assert np.array_equal(found.colour, ramp(3, 16))


def test_what_something_nearer_covers_is_black():
    """Shifts of 4 pixels at 1 m and 1 at 4 m: the near 3, 4, 5 lie on 7, 8, 9 and cover 6, 7, 8."""
    depth = np.full((3, 16), 4.0, np.float32)
    depth[:, 3:6] = 1
    found = register(ramp(3, 16), depth, row_rig(0.5))
    assert np.flatnonzero(~found.seen[1]).tolist() == [6, 7, 8, 15]
    assert found.colour[1, :10, 0].tolist() == [10, 20, 30, 70, 80, 90, 0, 0, 0, 100]


def test_an_uneven_surface_covers_nothing():
    """Noise of 2 cm at 2 m moves a pixel by far less than COVERED_PX."""
    depth = 2 + np.random.default_rng(1).normal(0, 0.02, (48, 64))
    camera = Pinhole(K(60, 31.5, 23.5), (48, 64))
    found = register(
        ramp(48, 64, 4), depth.astype(np.float32), Rig(camera, camera, apart(0.04, turn=0.02))
    )
    assert found.seen[2:-2, 6:-6].all()


def test_a_turned_camera_needs_no_depth():
    """About the vertical axis by atan(2 / 8): the centre of the view is two pixels off."""
    rig = Rig(
        Pinhole(K(8, 8), (3, 17)), Pinhole(K(8, 8), (3, 17)), apart(turn=float(np.arctan(0.25)))
    )
    for depth in (0.0, 1.0, 7.0):
        found = register(ramp(3, 17), np.full((3, 17), depth, np.float32), rig)
        assert found.colour[1, 8, 0] == 100


def nearness(row: int, column: int, own_row: int, own_column: int) -> tuple[int, ...]:
    """Of pixels at one distance first the nearest column, then the left, then the upper."""
    down, along = row - own_row, column - own_column
    return down**2 + along**2, abs(along), along, down


def reference(
    colour: np.ndarray, depth: np.ndarray, rig: Rig, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The third case pixel by pixel, for colour images that need no averaging."""
    rows, columns = depth.shape
    measured = [(r, c) for r in range(rows) for c in range(columns) if depth[r, c] > 0]
    inverse = np.linalg.inv(rig.depth.intrinsics)
    front: dict[tuple[int, int], float] = {}
    places = {}
    for i, j in np.ndindex(*size):
        v, u = (i + 0.5) * rows / size[0] - 0.5, (j + 0.5) * columns / size[1] - 0.5
        cell = int((i + 0.5) * rows / size[0]), int((j + 0.5) * columns / size[1])
        known = depth[cell] > 0
        if not known:
            cell = min(measured, key=lambda at, own=cell: nearness(*at, *own))
        point = depth[cell] * (inverse @ [u, v, 1.0])
        x, y, z = rig.depth_to_colour[:3, :3] @ point + rig.depth_to_colour[:3, 3]
        if z <= 0:
            continue
        column, row, _ = rig.colour.intrinsics @ [x / z, y / z, 1.0]
        places[i, j] = row, column, z
        for r in (int(np.floor(row)), int(np.floor(row)) + 1) if known else ():
            for c in (int(np.floor(column)), int(np.floor(column)) + 1):
                front[r, c] = min(front.get((r, c), np.inf), z)
    out, seen = np.zeros((*size, 3)), np.zeros(size, bool)
    view = rig.depth.scaled(size).intrinsics
    steps = np.minimum(1, np.diag(rig.colour.intrinsics)[:2] / np.diag(view)[:2])
    parallax = rig.colour.intrinsics[:2, :2].max() * np.linalg.norm(rig.depth_to_colour[:3, 3])
    height, width = colour.shape[:2]
    for (i, j), (row, column, z) in places.items():
        if not (-0.5 - steps[0] / 2 < column < width - 0.5 + steps[0] / 2):
            continue
        if not (-0.5 - steps[1] / 2 < row < height - 0.5 + steps[1] / 2):
            continue
        r, c = int(np.floor(row)), int(np.floor(column))
        behind = max(front.get((r + a, c + b), np.inf) for a in (0, 1) for b in (0, 1))
        if parallax * (1 / behind - 1 / z) > COVERED_PX:
            continue
        y, x = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
        for a, b in np.ndindex(2, 2):
            weight = abs(1 - a - (y - int(y))) * abs(1 - b - (x - int(x)))
            out[i, j] += weight * colour[min(int(y) + a, height - 1), min(int(x) + b, width - 1)]
        seen[i, j] = True
    return out, seen


@pytest.mark.parametrize("size", [(18, 24), (24, 32), (20, 33)])
@pytest.mark.parametrize("seed", range(3))
def test_the_third_case_is_that_of_the_slow_reference(seed, size):
    """Boxes and holes before a slanted wall."""
    rng = np.random.default_rng(seed)
    depth = 2.5 + 0.02 * np.arange(24)[None] * np.ones((18, 1)) + rng.normal(0, 0.003, (18, 24))
    depth[4:11, 6:13], depth[9:15, 16:20] = 0.8, 1.2
    depth[2:16:4, 2:22:5] = 0
    depth[10:, 20:], depth[:2], depth[5:8, 3:9] = 0, 0, 0
    depth = depth.astype(np.float32)
    colour = rng.integers(0, 256, (18, 24, 3), dtype=np.uint8)
    rig = Rig(
        Pinhole(K(24, 11.2, 8.7, 23), (18, 24)),
        Pinhole(K(25, 11.5, 8.5), (18, 24)),
        apart(0.2, -0.03, 0.05, 0.03),
    )
    found = register(colour, depth, rig, size)
    expected, seen = reference(colour, depth, rig, size)
    assert 0.6 < seen.mean() < 0.97
    assert np.array_equal(found.seen, seen)
    assert np.abs(found.colour[seen] - expected[seen]).max() <= 0.501
    assert not found.colour[~found.seen].any()


# Rendered: a wall and a board before it, seen by both cameras.

WALL_M, BOARD_M = 2.4, 1.1
COLOUR = Pinhole(K(290, 161.6, 120.6), (242, 324))
DEPTH = Pinhole(K(142.5, 79.5, 59.5), (120, 160))
TO_COLOUR = apart(0.038, 0.004, 0.022, 0.012)


def render(camera: Pinhole, from_depth: np.ndarray, board: bool) -> tuple[np.ndarray, ...]:
    """Colour, distance along the depth camera's z axis, and the point each pixel shows."""
    v, u = np.indices(camera.size)
    rays = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(camera.intrinsics).T
    back = np.linalg.inv(from_depth)
    rays, start = rays @ back[:3, :3].T, back[:3, 3]
    points = (
        start + rays * ((WALL_M + 0.3 * start[0] - start[2]) / (rays @ [-0.3, 0, 1]))[..., None]
    )
    nearer = start + rays * ((BOARD_M - start[2]) / rays[..., 2])[..., None]
    on = board & (np.abs(nearer[..., :2]) < (0.2, 0.15)).all(-1)
    points[on] = nearer[on]
    waves = (
        127 + 60 * np.sin(points[..., :1] * [9, 4, 6]) + 60 * np.cos(points[..., 1:2] * [5, 8, 7])
    )
    waves[on] = 255 - waves[on] * 0.5
    return np.round(waves).astype(np.uint8), points[..., 2].astype(np.float32), points


def test_a_rendered_wall_is_coloured_as_the_depth_camera_would_have():
    colour, _, _ = render(COLOUR, TO_COLOUR, board=False)
    truth, depth, _ = render(DEPTH, np.eye(4), board=False)
    rig = Rig(COLOUR, DEPTH, TO_COLOUR)
    found = register(colour, depth, rig, DEPTH.size)
    off = np.abs(found.colour.astype(float) - truth)[3:-3, 3:-3]
    assert found.seen[3:-3, 3:-3].mean() > 0.95
    assert off[found.seen[3:-3, 3:-3]].mean() < 0.6
    plain = register(colour, depth, Rig(DEPTH.scaled(COLOUR.size), DEPTH, np.eye(4)), DEPTH.size)
    wrong = np.abs(plain.colour.astype(float) - truth)[3:-3, 3:-3]
    assert wrong.mean() > 10 * off[found.seen[3:-3, 3:-3]].mean()


def test_the_same_wall_at_the_colour_images_own_size():
    colour, _, _ = render(COLOUR, TO_COLOUR, board=False)
    depth = render(DEPTH, np.eye(4), board=False)[1]
    truth = render(DEPTH.scaled(COLOUR.size), np.eye(4), board=False)[0]
    found = register(colour, depth, Rig(COLOUR, DEPTH, TO_COLOUR))
    off = np.abs(found.colour.astype(float) - truth)[found.seen]
    assert found.colour.shape == colour.shape
    assert found.seen.mean() > 0.95
    assert off.mean() < 1


def test_what_a_rendered_board_covers_is_found():
    colour, _, _ = render(COLOUR, TO_COLOUR, board=True)
    truth, depth, points = render(DEPTH, np.eye(4), board=True)
    eye = np.linalg.inv(TO_COLOUR)[:3, 3]
    crossing = eye + (points - eye) * ((BOARD_M - eye[2]) / (points[..., 2] - eye[2]))[..., None]
    behind = points[..., 2] > BOARD_M + 0.1
    covered = behind & (np.abs(crossing[..., :2]) < (0.2, 0.15)).all(-1)
    found = register(colour, depth, Rig(COLOUR, DEPTH, TO_COLOUR), DEPTH.size)
    inner = np.zeros(DEPTH.size, bool)
    inner[4:-4, 8:-8] = True
    assert covered.sum() > 60
    edge = binary_dilation(covered, iterations=2) & ~covered
    assert (~found.seen & inner & ~covered & ~edge).sum() == 0
    assert (found.seen & covered).sum() < 0.25 * covered.sum()
    near_edge = binary_dilation(depth < 1.5, iterations=2) & ~(depth < 1.5)
    near_edge |= (depth < 1.5) & binary_dilation(depth > 1.5, iterations=2)
    sure = found.seen & inner & ~near_edge & ~edge & ~covered
    assert np.abs(found.colour.astype(float) - truth)[sure].mean() < 0.8
