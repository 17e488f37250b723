"""Frames show the room as a scanner would, and know whose each pixel is."""

import dataclasses

import numpy as np
import pytest

from hcfres.data.rooms.camera_path import photograph
from hcfres.data.rooms.mesh import floor_id, labels_of
from hcfres.data.rooms.raster import draw
from hcfres.data.rooms.render import (
    COLOUR_SIZE,
    DEPTH_SIZE,
    Rendering,
    Stage,
    camera_at,
    intrinsics,
    render_frame,
    set_stage,
)
from hcfres.data.rooms.room import Furniture, Room
from hcfres.data.rooms.shading import look_at
from hcfres.data.rooms.texture import block_mean, most_common
from hcfres.geometry.camera import unproject


def test_the_same_seed_gives_the_same_bytes(stage: Stage, shots: tuple[Rendering, ...]):
    again = photograph(set_stage(stage.room), 10)
    for first, second in zip(shots, again, strict=True):
        assert first.colour.tobytes() == second.colour.tobytes()
        assert first.depth.tobytes() == second.depth.tobytes()


def test_colour_and_depth_have_their_own_size(shots: tuple[Rendering, ...]):
    assert shots[0].colour.shape == (COLOUR_SIZE[1], COLOUR_SIZE[0], 3)
    assert shots[0].depth.shape == (DEPTH_SIZE[1], DEPTH_SIZE[0])


def test_most_objects_are_seen_in_two_frames_or_more(stage: Stage, shots: tuple[Rendering, ...]):
    count = len(stage.room.furniture)
    clear = [(s.visible >= 200) & (s.visible >= 0.3 * s.unoccluded) for s in shots]
    assert (np.sum(clear, axis=0)[:count] >= 2).mean() > 0.8


def test_what_is_seen_is_never_more_than_what_would_be_seen_of_it_alone(
    shots: tuple[Rendering, ...],
):
    for shot in shots:
        assert (shot.visible <= shot.unoccluded * 1.05 + 12).all()
        assert (shot.visible > 0).sum() >= 4


def test_depth_lands_on_the_room(stage: Stage, shots: tuple[Rendering, ...]):
    """Points of floor pixels lie on the floor, to the depth's noise."""
    for shot in shots[:3]:
        small = shot.camera.scaled(*DEPTH_SIZE)
        points = unproject(shot.depth, intrinsics(small), small.camera_to_room)
        owner = shot.instances[::2, ::2]
        floor = (owner == floor_id(stage.room)) & (shot.depth > 0)
        heights = points[floor][:, 2]
        assert abs(np.median(heights)) < 0.005
        assert np.percentile(np.abs(heights), 90) < 0.06


def test_depth_has_holes_and_noise_that_grows_with_distance(
    stage: Stage, shots: tuple[Rendering, ...]
):
    errors, depths, holes = [], [], []
    for shot in shots:
        true = draw(stage.mesh.vertices, stage.mesh.faces, shot.camera.scaled(*DEPTH_SIZE)).depth
        seen = (shot.depth > 0) & (true > 0)
        errors.append((shot.depth - true)[seen])
        depths.append(true[seen])
        holes.append((shot.depth == 0).mean())
    error, depth = np.concatenate(errors), np.concatenate(depths)
    assert 0.005 < np.mean(holes) < 0.2
    assert error[depth < 1.5].std() < 0.008
    assert error[depth > 3].std() > 2 * error[depth < 1.5].std()


def lone_box(pattern: str) -> Stage:
    """A room with one red box, 0.8 m wide, in its middle."""
    box = Furniture(
        0, "box", "red", pattern, "large", "", (2.0, 2.0, 0.4), (0.8,) * 3, 0.0, None, False
    )  # type: ignore[arg-type]
    return set_stage(Room("scene0001_00", 1, 4.0, 4.0, 2.5, (box,)))


def colour_spread(pattern: str) -> float:
    stage = lone_box(pattern)
    shot = render_frame(stage, look_at(np.array([3.6, 2.0, 0.6]), np.array([2.4, 2.0, 0.4])))
    own = shot.colour[shot.instances == 0].astype(float)
    assert len(own) > 5000
    return float(own[:, 0].std())


@pytest.mark.parametrize("pattern", ["striped", "dotted", "checkered"])
def test_patterns_are_seen_in_the_image(pattern: str):
    assert colour_spread(pattern) > 2.5 * colour_spread("plain")


def test_an_object_behind_another_is_occluded():
    stage = lone_box("plain")
    far = dataclasses.replace(stage.room.furniture[0], centre=(0.8, 2.0, 0.4))
    near = dataclasses.replace(stage.room.furniture[0], object_id=1, centre=(1.9, 2.0, 0.4))
    room = dataclasses.replace(stage.room, furniture=(far, near))
    shot = render_frame(
        set_stage(room), look_at(np.array([3.8, 2.0, 0.5]), np.array([1.0, 2.0, 0.4]))
    )
    assert shot.visible[0] < 0.5 * shot.unoccluded[0]
    assert shot.visible[1] > 0.95 * shot.unoccluded[1]


def test_a_camera_looks_at_its_target_upright():
    pose = look_at(np.array([1.0, 0.0, 1.5]), np.array([1.0, 3.0, 1.5]))
    np.testing.assert_allclose(pose[:3, 2], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(pose[:3, 1], [0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(pose[:3, 0], [1, 0, 0], atol=1e-12)
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)


def test_every_pixel_owner_is_an_annotated_object(stage: Stage, shots: tuple[Rendering, ...]):
    for shot in shots:
        assert shot.instances.min() >= -1
        assert shot.instances.max() < len(labels_of(stage.room))


def test_blocks_are_averaged_and_vote():
    samples = np.zeros((2, 4, 3))
    samples[0, 0] = 4.0
    np.testing.assert_allclose(block_mean(samples, 2)[0], [[1, 1, 1], [0, 0, 0]])
    votes = np.array([[7, 3, 1, 1], [3, 5, 2, 2]])
    assert most_common(votes, 2).tolist() == [[3, 1]]


def test_the_camera_matrix_is_that_of_the_image_it_belongs_to():
    big, small = camera_at(np.eye(4)), camera_at(np.eye(4), DEPTH_SIZE)
    np.testing.assert_allclose(intrinsics(small)[:2, :2] * 2, intrinsics(big)[:2, :2])
    assert small.centre == ((DEPTH_SIZE[0] - 1) / 2, (DEPTH_SIZE[1] - 1) / 2)
