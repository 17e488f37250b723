"""`hcfres data compare`: two partitions of a scan, from files or from a setting."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from flows.cli import app
from flows.partitions import Cut, compare
from hcfres.data.errors import DataError
from hcfres.data.ply import Mesh, read_ply, write_ply
from hcfres.data.segmentation import write_segments
from tests.flows.small_scan import SCENE, folded, put_scan

CUT = Cut("smoke", 0.01, 20)


@pytest.fixture(autouse=True)
def _own_workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))


def told(one, other, cut: Cut = CUT):
    """What `compare` finds and what it prints."""
    console = Console(file=io.StringIO(), width=200)
    found = compare(str(one), str(other), cut, console)
    return found, console.file.getvalue()


def test_the_scanned_mesh_agrees_with_the_segmentators_file(samples: Path):
    folder = samples / "open3d_meshes"
    found, said = told(
        folder / "frag_115.ply", folder / "frag_115.segmentator_k0.01_min20.segs.json"
    )
    assert found.adjusted_rand >= 0.99
    assert (found.one.segments, found.other.segments) == (80, 80)
    assert (
        "64365 vertices" in said and "adjusted Rand index 0.9999997, 78 segments in common" in said
    )
    assert "over-segmentation" in said and "frag_115.ply" in said


def test_what_the_table_says_is_what_was_counted(tmp_path: Path):
    """Ten vertices, 6 + 1 + 3 here and 4 + 2 + 4 there (worked out beside compare_partitions)."""
    write_segments(tmp_path / "a.json", "a", np.array([7, 7, 7, 7, 7, 7, 8, 9, 9, 9]))
    write_segments(tmp_path / "b.json", "b", np.array([1, 1, 1, 1, 5, 5, 0, 0, 0, 0]))
    _, said = told(tmp_path / "a.json", tmp_path / "b.json")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines()]
    table = {row[0]: row[1:] for row in rows if row}
    assert table["segments"] == ["3", "3"]
    assert table["vertices of the smallest"] == ["1", "2"]
    assert table["of the median"] == ["3", "4"]
    assert table["of the largest"] == ["6", "4"]
    assert table["purity in the other"] == ["0.80000", "0.90000"]
    assert table["under-segmentation"] == ["0.40000", "0.20000"]
    assert table["over-segmentation"] == ["0.20000", "0.40000"]


def test_a_scene_of_a_setting_is_cut_as_the_setting_says():
    scan = put_scan()
    found, said = told(SCENE, scan / f"{SCENE}_vh_clean_2.ply")
    assert found.equal and "differ in nothing but numbers" in said
    shipped, _ = told(SCENE, scan / f"{SCENE}_vh_clean_2.0.010000.segs.json")
    assert (shipped.one.segments, shipped.other.segments) == (2, 3)


def test_what_others_cut_is_compared_too(tmp_path: Path):
    vertices, faces = folded()
    write_ply(tmp_path / "a.ply", Mesh(vertices, None, faces))
    labels = np.arange(len(vertices)) % 2
    torch.save((vertices.astype(float), vertices.astype(float), labels), tmp_path / "a_refer.pth")
    found, _ = told(tmp_path / "a_refer.pth", tmp_path / "a.ply")
    assert (found.one.segments, found.other.segments) == (2, 2)
    assert found.adjusted_rand < 0.1


def test_a_cloud_is_cut_as_points(samples: Path, tmp_path: Path):
    path = samples / "open3d_livingroom1/fragments/slac_fragment_000.ply"
    count = len(read_ply(path).vertices)
    write_segments(tmp_path / "one.json", "one", np.zeros(count, np.int64))
    found, _ = told(path, tmp_path / "one.json")
    assert found.one.purity == 1 and found.one.under_segmentation == 0
    assert found.one.segments > 10 and found.other.segments == 1


def test_smaller_segments_are_asked_for_by_the_thresholds(tmp_path: Path):
    vertices, faces = folded()
    write_ply(tmp_path / "a.ply", Mesh(vertices, None, faces))
    write_segments(tmp_path / "one.json", "one", np.zeros(len(vertices), np.int64))
    coarse, _ = told(tmp_path / "a.ply", tmp_path / "one.json", Cut("smoke", 0.01, 1000))
    fine, _ = told(tmp_path / "a.ply", tmp_path / "one.json")
    assert (coarse.one.segments, fine.one.segments) == (1, 2)


def test_partitions_of_different_meshes_are_refused(tmp_path: Path):
    write_segments(tmp_path / "a.json", "a", np.zeros(3, np.int64))
    write_segments(tmp_path / "b.json", "b", np.zeros(4, np.int64))
    with pytest.raises(DataError, match=r"b\.json: 4 vertices, .*a\.json has 3. Compare two"):
        told(tmp_path / "a.json", tmp_path / "b.json")


@pytest.mark.parametrize("name", ["a.json", "a.ply", "a.pth", "scene0000_00"])
def test_what_is_not_there_is_named(tmp_path: Path, name: str):
    with pytest.raises(DataError, match="there is no"):
        told(tmp_path / name if "." in name else name, tmp_path / "b.json")


def test_the_command_explains_itself():
    said = CliRunner().invoke(app, ["data", "compare", "--help"], env={"COLUMNS": "200"}).output
    for part in ("segs.json", "--setting", "--k-threshold", "--min-vertices"):
        assert part in said
