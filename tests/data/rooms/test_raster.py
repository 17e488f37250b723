"""The rasteriser against a plain reference, and depths known beforehand."""

import numpy as np
import pytest

from hcfres.data.rooms.raster import NEAR_M, Camera, alone, draw, reached
from hcfres.geometry.camera import project


def camera(width: int = 32, height: int = 24) -> Camera:
    return Camera(np.eye(4), (30.0, 28.0), ((width - 1) / 2, (height - 1) / 2), width, height)


def reference(
    vertices: np.ndarray, faces: np.ndarray, view: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Intersect the ray of each pixel with the plane of each triangle, one after the other."""
    triangle = np.full((view.height, view.width), -1)
    depth = np.zeros((view.height, view.width))
    for v in range(view.height):
        for u in range(view.width):
            ray = np.array(
                [(u - view.centre[0]) / view.focal[0], (v - view.centre[1]) / view.focal[1], 1]
            )
            for number, face in enumerate(faces):
                a, b, c = vertices[face]
                if min(a[2], b[2], c[2]) < NEAR_M:
                    continue
                matrix = np.stack([a, b, c], axis=1)
                if abs(np.linalg.det(matrix)) < 1e-9:
                    continue
                weights = np.linalg.solve(matrix, ray)
                if (weights < 0).any():
                    continue
                z = 1.0 / weights.sum()
                if depth[v, u] == 0 or z < depth[v, u]:
                    depth[v, u], triangle[v, u] = z, number
    return triangle, depth


@pytest.mark.parametrize("seed", range(4))
def test_it_draws_what_a_ray_through_each_pixel_meets_first(seed: int):
    rng = np.random.default_rng(seed)
    vertices = rng.uniform([-1.5, -1.0, -0.2], [1.5, 1.0, 3.0], (12, 3))
    faces = rng.permuted(np.tile(np.arange(12), (5, 1)), axis=1)[:, :3]
    view = camera()
    drawn = draw(vertices, faces, view)
    triangle, depth = reference(vertices, faces, view)
    assert (drawn.triangle == triangle).mean() > 0.995  # float32 may differ on an edge
    same = drawn.triangle == triangle
    np.testing.assert_allclose(drawn.depth[same], depth[same], rtol=1e-4)


def test_a_wall_two_metres_ahead_is_two_metres_deep_everywhere():
    vertices = np.array([[-9.0, -9, 2], [9, -9, 2], [9, 9, 2], [-9, 9, 2]])
    drawn = draw(vertices, np.array([[0, 1, 2], [0, 2, 3]]), camera())
    np.testing.assert_allclose(drawn.depth, 2.0, rtol=1e-6)


def test_depth_on_a_slanted_plane_is_that_of_its_equation():
    """The plane z = 2 + 0.5 x meets the ray (x/z) = r at z = 2 / (1 - 0.5 r)."""
    x = np.array([-3.0, 3.0])
    vertices = np.array([[a, b, 2 + 0.5 * a] for b in (-9.0, 9.0) for a in x])
    view = camera()
    drawn = draw(vertices, np.array([[0, 1, 2], [1, 3, 2]]), view)
    ratio = (np.arange(view.width) - view.centre[0]) / view.focal[0]
    np.testing.assert_allclose(drawn.depth[12], 2 / (1 - 0.5 * ratio), rtol=1e-5)


def test_the_nearer_triangle_hides_the_farther_whatever_their_order():
    near = np.array([[-9.0, -9, 1], [9, -9, 1], [0, 9, 1]])
    vertices = np.concatenate([near, near + np.array([0.0, 0.0, 1.0])])
    faces = np.array([[0, 1, 2], [3, 4, 5]])
    assert draw(vertices, faces, camera()).triangle[12, 16] == 0
    assert draw(vertices, faces[::-1], camera()).triangle[12, 16] == 1


def test_what_reaches_behind_the_camera_is_not_drawn():
    vertices = np.array([[-9.0, -9, 1], [9, -9, 1], [0, 9, -1]])
    assert (draw(vertices, np.array([[0, 1, 2]]), camera()).triangle == -1).all()


def test_only_shown_faces_are_drawn():
    vertices = np.array([[-9.0, -9, 1], [9, -9, 1], [0, 9, 1]])
    drawn = draw(vertices, np.array([[0, 1, 2]]), camera(), np.array([False]))
    assert (drawn.triangle == -1).all()
    assert (drawn.depth == 0).all()


def test_alone_counts_pixels_as_if_nothing_else_were_there():
    near = np.array([[-0.2, -0.2, 1], [0.2, -0.2, 1], [0.2, 0.2, 1], [-0.2, 0.2, 1]])
    vertices = np.concatenate([near, near * 2])
    faces = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    groups = np.array([0, 0, 1, 1])
    counts = alone(vertices, faces, groups, camera())
    expected = [(draw(vertices, faces, camera(), groups == k).triangle >= 0).sum() for k in (0, 1)]
    assert counts.tolist() == expected
    assert counts[1] >= counts[0] > 50


def test_a_point_behind_the_drawn_surface_is_not_reached():
    vertices = np.array([[-9.0, -9, 2], [9, -9, 2], [9, 9, 2], [-9, 9, 2]])
    drawn = draw(vertices, np.array([[0, 1, 2], [0, 2, 3]]), camera())
    points = np.array([[0.0, 0, 1.99], [0, 0, 2.005], [0, 0, 2.2], [0, 0, -1], [9, 0, 1]])
    assert reached(points, drawn, camera(), 0.01).tolist() == [True, True, False, False, False]


def test_a_camera_of_another_size_sees_the_same_view():
    """The middle of a pixel twice as large lies between two small ones: (u + 0.5) * 2 - 0.5."""
    view = camera()
    double = view.scaled(64, 48)
    point = np.array([[0.3, -0.2, 2.0]])
    pixels = []
    for each in (view, double):
        (fx, fy), (cx, cy) = each.focal, each.centre
        k = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
        pixels.append(project(point, k, np.eye(4))[0][0])
    np.testing.assert_allclose((pixels[0] + 0.5) * 2 - 0.5, pixels[1])
