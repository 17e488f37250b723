"""Pictures of masks."""

from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from scipy.spatial import cKDTree

from hcfres.data.scene import NO_OBJECT, Frame, Scene
from hcfres.evaluation.gate import GEOMETRY, IMAGE, SceneGate
from hcfres.reporting.pictures import best, gate_picture, sentence_picture
from hcfres.reporting.views import Camera, cloud_view, frame_mask, frame_view, splat

K = np.array([[10.0, 0, 9.5], [0, 10.0, 4.5], [0, 0, 1]])


def make_cloud():
    """A wall of points two metres in front of the camera, ten centimetres apart."""
    x, y = np.meshgrid(np.arange(-2, 2, 0.1), np.arange(-1, 1, 0.1))
    vertices = np.stack([x.ravel(), y.ravel(), np.full(x.size, 2.0)], axis=1).astype(np.float32)
    return make_scene(vertices, np.zeros((0, 3), np.int64))


def make_scene(vertices, faces):
    """Everything of one grey, belonging to nothing."""
    count = len(vertices)
    return Scene(
        scene_id="scene0000_00",
        vertices=vertices,
        colours=np.full((count, 3), 100, np.uint8),
        faces=faces,
        instances=np.full(count, NO_OBJECT),
        semantics=np.zeros(count, np.int64),
        segments=None,
        objects=(),
    )


def make_frame(depth=2.0, index=0):
    return Frame(
        index,
        np.full((20, 40, 3), 100, np.uint8),
        np.full((10, 20), depth, np.float32),
        K,
        np.eye(4),
    )


def test_the_nearest_point_hides_the_others():
    points = np.array([[0.0, 0, 3], [0, 0, 1], [0, 0, 2], [0, 0, -1]])
    nearest = splat(points, Camera(K, np.eye(4), 10, 20), radius=0)
    assert set(nearest.ravel()) == {-1, 1}


def test_points_outside_the_image_are_not_drawn():
    points = np.array([[50.0, 0, 1], [-50, 0, 1], [0, 50, 1], [0, -50, 1]])
    assert (splat(points, Camera(K, np.eye(4), 10, 20), radius=2) == -1).all()


def test_the_left_half_of_the_wall_is_the_left_half_of_the_frame():
    scene = make_cloud()
    seen = frame_mask(cKDTree(scene.vertices), make_frame(), scene.vertices[:, 0] < 0, step=1)
    assert seen[:, :9].all()
    assert not seen[:, 11:].any()


def test_where_the_frame_sees_something_else_the_mask_is_hidden():
    scene = make_cloud()
    everything = np.ones(len(scene.vertices), dtype=bool)
    for depth in (0.0, 1.0):
        hidden = frame_mask(cKDTree(scene.vertices), make_frame(depth), everything, step=1)
        assert not hidden.any()


def test_the_picture_is_reddened_at_the_masks_pixels_only():
    scene = make_cloud()
    view = frame_view(cKDTree(scene.vertices), make_frame(), scene.vertices[:, 0] < 0)
    assert view.shape == (20, 40, 3)
    assert (view[:, :16] == [193, 67, 91]).all()
    assert (view[:, 24:] == 100).all()


def test_the_cloud_fills_its_view_and_shows_the_mask():
    scene = make_cloud()
    view = cloud_view(scene, scene.vertices[:, 0] < 0, 120, 160)
    drawn = (view != 255).any(-1)
    red = view[..., 0] > view[..., 1].astype(int) + 40
    assert drawn.any(0).sum() > 120 or drawn.any(1).sum() > 90
    assert 0.3 < red.sum() / drawn.sum() < 0.7


def test_a_mesh_is_drawn_without_gaps_and_not_from_behind():
    corners = np.array([[0, 0, 0], [4, 0, 0], [4, 4, 0], [0, 4, 0]], np.float32)
    floor = make_scene(corners, np.array([[0, 1, 2], [0, 2, 3]]))
    nothing = np.zeros(4, dtype=bool)
    seen = cloud_view(floor, nothing, 120, 160)
    assert (seen[60, 80] == 100).all()
    assert (seen == 100).all(-1).mean() > 0.3
    from_below = replace(floor, faces=floor.faces[:, ::-1])
    assert (cloud_view(from_below, nothing, 120, 160) == 255).all()


def test_the_camera_goes_where_the_mask_is_to_be_seen():
    """A wall that faces -y hides itself from the two corners behind it."""
    corners = np.array([[0, 2, 0], [4, 2, 0], [4, 2, 2], [0, 2, 2]], np.float32)
    wall = make_scene(corners, np.array([[0, 1, 2], [0, 2, 3]]))
    for faces in (wall.faces, wall.faces[:, ::-1]):
        view = cloud_view(replace(wall, faces=faces), np.ones(4, dtype=bool), 120, 160)
        assert (view[..., 0] > view[..., 1].astype(int) + 40).any()


def test_frames_that_show_more_of_the_mask_come_first():
    scene = make_cloud()
    everything = np.ones(len(scene.vertices), dtype=bool)
    frames = [make_frame(1.0, 0), make_frame(2.0, 1), make_frame(0.0, 2), make_frame(2.0, 3)]
    chosen = best(cKDTree(scene.vertices), iter(frames), everything)
    assert [frame.index for frame in chosen] == [1, 3, 0]


def test_a_sentence_gets_a_picture(tmp_path):
    scene = make_cloud()
    path = tmp_path / "deep" / "wall.png"
    sentence_picture(path, scene, [make_frame()], scene.vertices[:, 0] < 0, "the left half")
    assert Image.open(path).size[0] > Image.open(path).size[1]


def test_a_sentence_is_printed_as_it_was_said(tmp_path, monkeypatch):
    """Of `$...$` matplotlib would read a formula."""
    said = r"the $\frac chair$ for 5 $ or $6_7^8: 40 points"
    scene, drawn = make_cloud(), []
    monkeypatch.setattr(Figure, "savefig", kept(drawn))
    sentence_picture(tmp_path / "a.png", scene, [make_frame()], scene.vertices[:, 0] < 0, said)
    gate = SceneGate(
        np.zeros(len(scene.vertices), np.int64),
        np.zeros((1, 3)),
        np.ones((1, 1), np.float32),
        np.zeros((1, 1), np.float32),
        np.ones(1, bool),
    )
    gate_picture(tmp_path / "b.png", scene, gate, said)
    printed = [figure.get_suptitle().replace(r"\$", "$") for figure in drawn]
    assert [" ".join(text.split()) for text in printed] == [said, said]
    assert all((tmp_path / name).exists() for name in ("a.png", "b.png"))


def kept(drawn, real=Figure.savefig):
    """`Figure.savefig` that remembers what it drew."""

    def savefig(figure, *arguments, **more):
        real(figure, *arguments, **more)
        drawn.append(figure)

    return savefig


def test_the_gate_is_drawn_from_geometry_blue_to_image_red(tmp_path):
    """Half of the wall takes nothing from the images, the other half everything."""
    scene = make_cloud()
    half = (scene.vertices[:, 0] < 0).astype(np.int64)
    w2d = np.array([[0.0], [1.0]], np.float32)
    places = np.array([[1.0, 0, 2], [-1, 0, 2]])
    gate = SceneGate(half, places, w2d, 1 - w2d, np.ones(2, bool))
    path = tmp_path / "deep" / "gate.png"
    gate_picture(path, scene, gate, "what comes from where")
    drawn = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    for colour in (GEOMETRY, IMAGE):
        assert (np.abs(drawn.astype(int) - colour).sum(1) < 6).sum() > 500
