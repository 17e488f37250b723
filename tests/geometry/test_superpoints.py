import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcfres.geometry.partitions import compare_partitions
from hcfres.geometry.superpoints import (
    _line_weights,
    _principal_normals,
    _vertex_normals,
    compact,
    segment_graph,
    segment_mesh,
    segment_points,
)

FACE = np.array([[0, 1, 2]])


def sheet(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """A flat grid of vertices one unit apart, two triangles a cell, looking up."""
    y, x = np.mgrid[:rows, :columns]
    vertices = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3).astype(np.float32)
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1)
    lower = np.stack([corner, corner + 1, corner + columns], axis=1)
    upper = np.stack([corner + 1, corner + columns + 1, corner + columns], axis=1)
    return vertices, np.concatenate([lower, upper])


def roof(rows: int = 8, columns: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """A sheet folded by a right angle along its middle column; the ridge belongs to both halves."""
    vertices, faces = sheet(rows, columns)
    middle = columns // 2
    vertices[:, 2] = -np.maximum(vertices[:, 0] - middle, 0)
    vertices[:, 0] = np.minimum(vertices[:, 0], middle)
    return vertices, faces


@dataclass
class Group:
    nodes: set[int]
    threshold: np.float32


def readable_segmentation(edges, weights, count, k_threshold, min_vertices):
    """Felzenszwalb's algorithm with sets, as one would write it on a board."""
    of = [Group({node}, k_threshold) for node in range(count)]

    def join(one: Group, other: Group, weight: np.float32) -> None:
        nodes = one.nodes | other.nodes
        merged = Group(nodes, weight + k_threshold / np.float32(len(nodes)))
        for node in nodes:
            of[node] = merged

    order = sorted(range(len(edges)), key=lambda edge: weights[edge])
    for edge in order:
        one, other = of[edges[edge][0]], of[edges[edge][1]]
        if one is not other and weights[edge] <= min(one.threshold, other.threshold):
            join(one, other, weights[edge])
    for edge in order:
        one, other = of[edges[edge][0]], of[edges[edge][1]]
        if one is not other and min(len(one.nodes), len(other.nodes)) < min_vertices:
            join(one, other, weights[edge])
    return np.array([min(of[node].nodes) for node in range(count)])


def test_a_flat_sheet_is_one_superpoint():
    assert set(segment_mesh(*sheet(6, 7))) == {0}


def test_a_fold_separates_two_superpoints():
    vertices, faces = roof()
    labels = segment_mesh(vertices, faces, min_vertices=5)
    left, right = vertices[:, 0] < 4, vertices[:, 2] < -0.5
    assert len(set(labels[left])) == 1
    assert len(set(labels[right])) == 1
    assert set(labels[left]) != set(labels[right])


def test_small_groups_are_merged_into_a_neighbour():
    vertices, faces = roof()
    assert set(segment_mesh(vertices, faces, min_vertices=1000)) == {0}


def test_every_label_is_used_and_the_first_vertex_has_label_zero():
    vertices, faces = roof()
    labels = segment_mesh(vertices, faces, min_vertices=5)
    assert labels.dtype == np.int64
    assert labels[0] == 0
    assert sorted(set(labels)) == list(range(labels.max() + 1))


def test_a_vertex_without_faces_is_a_superpoint_of_its_own():
    vertices, faces = sheet(5, 5)
    labels = segment_mesh(np.concatenate([vertices, [[9, 9, 9]]]).astype(np.float32), faces)
    assert (labels[:-1] == 0).all()
    assert labels[-1] == 1


def test_degenerate_faces_change_nothing():
    vertices, faces = roof()
    flat = np.array([[3, 3, 3], [5, 6, 5], [0, 1, 2]])  # a point, a line there and back, a line
    assert segment_mesh(vertices, np.concatenate([faces, flat]), min_vertices=5).tolist() == (
        segment_mesh(vertices, faces, min_vertices=5).tolist()
    )


def test_degenerate_faces_connect_with_the_weight_of_a_right_angle():
    """Two triangles in one plane, and a face without area from one to the other.

    The right triangle has the normals (0, 0, 1) at 0, 1, 2, so its edges weigh 1 - 1 = 0. The face
    (0, 3, 3) has no normal, so the vertex 3 has none either: its edges weigh 1 - 0 = 1, and joins
    only because it is smaller than `min_vertices`.
    """
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 3, 3]])
    assert segment_mesh(vertices, faces, min_vertices=1).tolist() == [0, 0, 0, 1]
    assert segment_mesh(vertices, faces, min_vertices=2).tolist() == [0, 0, 0, 0]


def test_a_face_without_area_does_not_bend_the_mean_normal():
    """Vertex 0: a face looking along z, then one of three equal corners, then one along y.

    Mean of (0, 0, 1) and (0, 1, 0): (0, 1/2, 1/2); counted or not a number, it would be another.
    """
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 1, 2], [0, 0, 0], [0, 3, 1]])
    normals = _vertex_normals(vertices, faces)
    np.testing.assert_allclose(normals[0], [0, 0.5, 0.5])
    np.testing.assert_allclose(normals[1], [0, 0.5, 0.5])
    np.testing.assert_allclose(normals[2:], [[0, 0, 1], [0, 1, 0]])


@pytest.mark.parametrize("far", [1e-25, 1e25])
def test_normals_beyond_float32_are_left_out(far: float):
    """The product of two edges of 1e25 m is infinite in float32, of 1e-25 m zero: no normal."""
    vertices = np.array([[0, 0, 0], [far, 0, 0], [0, far, 0]], np.float32)
    faces = np.array([[0, 1, 2]])
    assert (_vertex_normals(vertices, faces) == 0).all()
    assert segment_mesh(vertices, faces, min_vertices=1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("cut", [segment_points, lambda points: segment_mesh(points, FACE)])
def test_coordinates_that_are_not_finite_are_refused(cut, value: float):
    points = np.zeros((3, 3))
    points[1, 2] = value
    with pytest.raises(ValueError, match="1 of 3 vertices are not finite, first vertex 1"):
        cut(points)


def test_two_vertices_at_one_place_are_two_vertices_of_a_mesh():
    """Two triangles that touch without sharing vertices stay apart, as in the Segmentator."""
    triangle = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    vertices = np.concatenate([triangle, triangle])
    assert segment_mesh(vertices, np.array([[0, 1, 2], [3, 4, 5]])).tolist() == [0, 0, 0, 1, 1, 1]


def test_a_mesh_without_faces_or_vertices_is_cut_into_single_vertices():
    none = np.zeros((0, 3), np.int64)
    assert segment_mesh(np.zeros((3, 3), np.float32), none).tolist() == [0, 1, 2]
    assert segment_mesh(np.zeros((0, 3), np.float32), none).shape == (0,)


def test_a_face_that_names_no_vertex_is_refused():
    with pytest.raises(ValueError, match="names vertex 7, but the mesh has 3"):
        segment_mesh(np.zeros((3, 3), np.float32), np.array([[0, 1, 7]]))


def test_equal_weights_are_taken_in_the_order_given():
    edges = np.array([[1, 2], [0, 1]])
    weights = np.zeros(2, np.float32)
    # Minimum size 2 and k = -1: no merge by weight, then 1-2 first, and 0 joins them.
    assert segment_graph(edges, weights, 3, -1.0, 2).tolist() == [0, 0, 0]
    assert segment_graph(edges[:1], weights[:1], 3, -1.0, 2).tolist() == [0, 1, 1]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 6))
def test_the_kernel_equals_the_readable_algorithm(seed, nodes, min_vertices):
    rng = np.random.default_rng(seed)
    edges = rng.integers(0, nodes, (3 * nodes, 2))
    weights = (rng.integers(0, 30, len(edges)) / 100).astype(np.float32)
    fast = segment_graph(edges, weights, nodes, 0.1, min_vertices)
    slow = readable_segmentation(edges.tolist(), weights, nodes, np.float32(0.1), min_vertices)
    assert fast.tolist() == compact(slow).tolist()


def test_it_agrees_with_scannets_segmentator_on_a_scanned_mesh(samples: Path):
    folder = samples / "open3d_meshes"
    vertices, faces = read_fragment(folder / "frag_115.ply")
    reference = json.loads((folder / "frag_115.segmentator_k0.01_min20.segs.json").read_text())
    labels = segment_mesh(vertices, faces, k_threshold=0.01, min_vertices=20)
    found = compare_partitions(labels, np.array(reference["segIndices"]))
    assert found.adjusted_rand >= 0.9999  # 0.9999997 when this was written
    assert abs(found.one.segments - 80) <= 2 and found.other.segments == 80
    assert (
        found.common >= 75
    )  # 78: the largest has 55,194 of the 64,365 vertices and rules the index


def read_fragment(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The one file's vertices and faces; its layout is known, so this needs no PLY reader."""
    raw = path.read_bytes()
    start = raw.index(b"end_header\n") + len(b"end_header\n")
    vertex = np.dtype([("xyz", "<f4", 3), ("normal", "<f4", 3), ("rgb", "u1", 3)])
    face = np.dtype([("corners", "u1"), ("vertices", "<i4", 3)])
    vertices = np.frombuffer(raw, vertex, 64365, start)
    faces = np.frombuffer(raw, face, 127229, start + vertices.nbytes)
    return vertices["xyz"].copy(), faces["vertices"].astype(np.int64)


def test_points_without_faces_are_cut_along_a_fold():
    vertices, _ = roof(12, 25)
    labels = segment_points(vertices, min_vertices=10)
    left, right = vertices[:, 0] < 10, vertices[:, 2] < -2
    assert len(set(labels[left])) == 1
    assert len(set(labels[right])) == 1
    assert labels[left][0] != labels[right][0]


def test_repeated_points_have_their_places_label():
    """Each point of the fold twenty times over: more often than neighbours are asked for."""
    vertices, _ = roof(12, 25)
    once = segment_points(vertices, min_vertices=10)
    order = np.concatenate([np.repeat(np.arange(len(vertices)), 19), np.arange(len(vertices))])
    assert segment_points(vertices[order], min_vertices=10).tolist() == once[order].tolist()


def test_points_at_one_place_are_one_superpoint():
    assert segment_points(np.full((50, 3), 2.5)).tolist() == [0] * 50


def test_points_on_a_line_have_no_normal():
    """A line of five: no direction of least spread, so every edge weighs 1 and nothing merges by
    weight (1 > k); with `min_vertices` 5 all of them do."""
    line = np.arange(5.0)[:, None] * [1.0, 2.0, -0.5]
    assert segment_points(line, min_vertices=1).tolist() == [0, 1, 2, 3, 4]
    assert segment_points(line, min_vertices=5).tolist() == [0] * 5


def test_normals_of_a_cloud_by_hand():
    """Four corners of a square in the plane x = 3: the normal is the x axis, of either sign."""
    square = np.array([[3.0, 0, 0], [3, 1, 0], [3, 0, 1], [3, 1, 1]])
    near = np.tile(np.arange(4), (4, 1))
    np.testing.assert_allclose(np.abs(_principal_normals(square, near)), [[1, 0, 0]] * 4)


def test_the_weight_between_two_lines_by_hand():
    """60 degrees: 1 - 1/2; the opposite sign says the same; 0 degrees: 0; without normal: 1."""
    normals = np.array([[1, 0, 0], [0.5, np.sqrt(0.75), 0], [-1, 0, 0], [0, 0, 0]])
    edges = np.array([[0, 1], [2, 1], [0, 2], [0, 3]])
    np.testing.assert_allclose(_line_weights(normals, edges), [0.5, 0.5, 0, 1], atol=1e-7)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_a_handful_of_points_is_cut_too(count: int):
    labels = segment_points(np.random.default_rng(0).normal(size=(count, 3)))
    assert len(labels) == count


def test_compact_numbers_labels_by_first_appearance():
    assert compact(np.array([81336, 7, 81336, 9, 7])).tolist() == [0, 1, 0, 2, 1]
