"""The weights of Eq. 6, to be looked at."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from hcfres.data.ply import read_ply
from hcfres.evaluation.gate import EVEN, GEOMETRY, IMAGE, gate_colours, scene_gate, write_gate
from hcfres.evaluation.open_scene import OpenScene
from tests.pipeline.toys import ToySource, toy_prepared

WEIGHTS = np.array([[[0.75], [0.25]], [[0.5], [0.5]], [[0.0], [1.0]]], np.float32)
"""w_2D and w_3D of the toy scene's three superpoints, of two, three and three vertices."""


def test_each_superpoint_has_its_place_and_its_weights():
    """By hand: the vertices lie at x = 0..7, so the centroids at 0.5, 3 and 6."""
    gate = scene_gate(toy_prepared(), WEIGHTS)
    assert gate.centroids[:, 0].tolist() == [0.5, 3.0, 6.0]
    assert gate.w2d.tolist() == [[0.75], [0.5], [0.0]]
    assert gate.w3d.tolist() == [[0.25], [0.5], [1.0]]
    assert gate.seen.tolist() == [True, True, False]


def test_of_a_weight_for_each_channel_the_mean_is_shown():
    per_channel = np.array([[[0.5, 1.0], [0.5, 0.0]]] * 3, np.float32)
    assert scene_gate(toy_prepared(), per_channel).shown.tolist() == [0.75] * 3


def test_geometry_is_blue_images_are_red_and_between_them_it_fades():
    assert gate_colours(np.array([0.0, 0.5, 1.0])).tolist() == [
        list(GEOMETRY),
        list(EVEN),
        list(IMAGE),
    ]
    halfway = gate_colours(np.array([0.25]))[0]
    assert halfway == pytest.approx((np.array(GEOMETRY) + EVEN) / 2, abs=0.5)


@dataclass(frozen=True)
class Moved(OpenScene):
    """A scan whose own file lies three metres farther along y."""

    @property
    def file_from_world(self):
        back = np.eye(4)
        back[1, 3] = 3
        return back


def test_a_coloured_cloud_and_a_row_for_each_superpoint_are_written(tmp_path):
    gate = scene_gate(toy_prepared(), WEIGHTS)
    opened = Moved(ToySource(), "scene0000_00")
    cloud, table = write_gate(tmp_path / "out", opened, gate)
    mesh = read_ply(cloud)
    assert mesh.colours.tolist() == gate.painted().tolist()
    assert mesh.colours[0].tolist() == gate_colours(np.array([0.75]))[0].tolist()
    assert (mesh.vertices[:, 1] == 3).all()
    rows = pq.read_table(table).to_pydict()
    assert rows["superpoint"] == [0, 1, 2]
    assert (rows["x"], rows["y"]) == ([0.5, 3.0, 6.0], [3.0, 3.0, 3.0])
    assert (rows["w2d"], rows["w3d"]) == ([0.75, 0.5, 0.0], [0.25, 0.5, 1.0])
    assert rows["seen"] == [True, True, False]


def test_without_images_nothing_is_seen():
    blind = replace(toy_prepared(), dense=None, instance=None)
    assert not scene_gate(blind, WEIGHTS).seen.any()
