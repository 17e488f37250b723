"""`hcfres data import-features`: what fits is brought in, the rest is listed with the reason."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from flows.datasets import dataset_folder
from flows.imports.features import find_files, import_features
from flows.partitions import setting_superpoints
from hcfres.data.errors import DataError
from hcfres.data.prior.imported import import_of
from hcfres.store.workspace import Workspace
from tests.flows.small_scan import SCENE, folded, put_scan, smoke


@pytest.fixture(autouse=True)
def _own_workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("HCFRES_HOME", str(tmp_path / "workspace"))


class _Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch '{self.target}'",)


def put_prior(folder: Path, scene: str = SCENE, labels: np.ndarray | None = None) -> np.ndarray:
    """Files as IPDN's `data` has them; features count rows of three. Returns the labels."""
    vertices, _ = folded()
    if labels is None:
        put_scan()
        labels = 1 - setting_superpoints(smoke(), SCENE).labels
    centred = vertices.astype(np.float64) - vertices.mean(axis=0)
    count = len(vertices)
    arrays = (centred, np.zeros((count, 3)), labels, np.full(count, -100.0), np.full(count, -1))
    for path in (folder / "scannetv2/train", folder / "clip-feat"):
        path.mkdir(parents=True, exist_ok=True)
    torch.save(arrays, folder / f"scannetv2/train/{scene}_refer.pth")
    rows = torch.arange(3.0 * (int(labels.max()) + 1)).reshape(-1, 3)
    torch.save(rows, folder / f"clip-feat/{scene}.pth")
    return labels


def told(folder: Path, own_superpoints: bool = False) -> str:
    """What the command prints, and the error it ends with."""
    console = Console(file=io.StringIO(), width=300)
    try:
        import_features(folder, "smoke", own_superpoints, console)
    except DataError as error:
        console.print(f"ended: {error}", markup=False)
    return console.file.getvalue()


def place():
    return import_of(Workspace().root, dataset_folder(smoke(), Workspace()).name, SCENE)


def test_features_of_the_same_superpoints_come_in_in_our_order(tmp_path: Path):
    """Their superpoint 1 is our 0: our first row is their second, 3 4 5."""
    put_prior(tmp_path / "data")
    said = told(tmp_path / "data")
    assert f"{SCENE}" in said and "imported: 2 superpoints x 3, 0 of them unseen" in said
    assert "1 scans imported, 0 refused" in said and "ended" not in said
    found = place().features(setting_superpoints(smoke(), SCENE))
    assert found.features.tolist() == [[3, 4, 5], [0, 1, 2]]
    assert "clip" not in " ".join(os.listdir(Workspace().store))


def test_stale_features_are_refused_with_the_reason(tmp_path: Path):
    put_scan()
    other = np.arange(len(folded()[0])) // 150
    put_prior(tmp_path / "data", labels=other)
    said = told(tmp_path / "data")
    assert "refused" in said and "made for another partition: 2 superpoints, here 2" in said
    assert "ended" in said and "1 of 1 scans were refused" in said
    with pytest.raises(DataError, match="there are no imported features"):
        place().superpoints()


def test_features_may_bring_their_superpoints_with_them(tmp_path: Path):
    put_scan()
    other = np.arange(len(folded()[0])) // 150
    put_prior(tmp_path / "data", labels=other)
    said = told(tmp_path / "data", own_superpoints=True)
    assert "imported with superpoints of its own (made for another partition" in said
    theirs = place().superpoints()
    assert theirs.labels.tolist() == other.tolist()
    assert place().features(theirs).features.tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(DataError, match="made for another partition"):
        place().features(setting_superpoints(smoke(), SCENE))


def test_one_bad_scan_keeps_none_of_the_others_out(tmp_path: Path):
    labels = put_prior(tmp_path / "data")
    put_prior(tmp_path / "data", "scene0001_00", labels)
    put_prior(tmp_path / "data", "scene0002_00", labels)
    (tmp_path / "data/scannetv2/train/scene0002_00_refer.pth").unlink()
    said = told(tmp_path / "data")
    assert "1 scans imported, 2 refused" in said
    assert "scene0001_00: there is no such scan" in said
    assert "scene0002_00_refer.pth: exactly one is needed: there is none" in said


def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path: Path):
    put_prior(tmp_path / "data")
    target = tmp_path / "made by the file"
    torch.save(_Evil(target), tmp_path / f"data/clip-feat/{SCENE}.pth")
    said = told(tmp_path / "data", own_superpoints=True)
    assert "asks for `posix.system`, which no array needs" in said
    assert not target.exists()


def test_a_scan_in_two_splits_is_refused(tmp_path: Path):
    put_prior(tmp_path / "data")
    (tmp_path / "data/scannetv2/val").mkdir()
    source = tmp_path / f"data/scannetv2/train/{SCENE}_refer.pth"
    (tmp_path / f"data/scannetv2/val/{SCENE}_refer.pth").write_bytes(source.read_bytes())
    assert "exactly one is needed: " in told(tmp_path / "data")


def test_files_are_found_wherever_people_point(tmp_path: Path):
    put_prior(tmp_path / "data", labels=np.zeros(300, np.int64))
    for folder in (tmp_path, tmp_path / "data"):
        (found,) = find_files(folder)
        assert (found.scene_id, len(found.scenes), len(found.features)) == (SCENE, 1, 1)
    (found,) = find_files(tmp_path / "data/scannetv2")
    assert (len(found.scenes), len(found.features)) == (1, 0)
    assert "there is no <scene>_refer.pth" in told(tmp_path / "data/empty")
